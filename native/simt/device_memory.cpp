// SPDX-License-Identifier: Apache-2.0
#include "device_memory.h"

#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <utility>

namespace simt {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kCanaries = 64;
constexpr unsigned char kCanary = 0xa5;
constexpr unsigned char kPoison = 0xff;

std::map<void*, GuardedMemory>& allocations() {
  static auto& all = *new std::map<void*, GuardedMemory>;  // outlives every static of the tests
  return all;
}

size_t total_bytes = 0;

}  // namespace

GuardedMemory::GuardedMemory(size_t bytes, size_t alignment) : bytes_(bytes), alignment_(alignment) {
  const size_t inner = (bytes + alignment + kCanaries + kPage - 1) / kPage * kPage;
  map_bytes_ = inner + 2 * kPage;
  void* const map = mmap(nullptr, map_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED || mprotect(static_cast<char*>(map) + kPage, inner, PROT_READ | PROT_WRITE) != 0) {
    perror("simt: mmap");
    abort();
  }
  map_ = static_cast<unsigned char*>(map);
  resize(bytes);
}

GuardedMemory::~GuardedMemory() {
  if (map_ != nullptr) munmap(map_, map_bytes_);
}

GuardedMemory::GuardedMemory(GuardedMemory&& other) noexcept
    : map_(std::exchange(other.map_, nullptr)), map_bytes_(other.map_bytes_), bytes_(other.bytes_), alignment_(other.alignment_), data_(other.data_) {}

void GuardedMemory::resize(size_t bytes) {
  bytes_ = bytes;
  unsigned char* const end = map_ + map_bytes_ - kPage;
  data_ = end - (bytes + alignment_ - 1) / alignment_ * alignment_;
  memset(data_ - kCanaries, kCanary, kCanaries);
  memset(data_ + bytes, kCanary, static_cast<size_t>(end - (data_ + bytes)));
  poison();
}

void GuardedMemory::poison() { memset(data_, kPoison, bytes_); }

const char* GuardedMemory::damage() const {
  const auto intact = [](unsigned char c) { return c == kCanary; };
  if (!std::all_of(data_ - kCanaries, data_, intact)) return "in front of it";
  if (!std::all_of(data_ + bytes_, map_ + map_bytes_ - kPage, intact)) return "behind it";
  return nullptr;
}

void* allocate(size_t bytes, size_t alignment) {
  if (bytes > kDeviceBytes - total_bytes) return nullptr;
  GuardedMemory memory(bytes, alignment);
  void* const address = memory.data();
  total_bytes += bytes;
  allocations().emplace(address, std::move(memory));
  return address;
}

bool release(void* address) {
  const auto found = allocations().find(address);
  if (found == allocations().end()) return false;
  total_bytes -= found->second.size();
  allocations().erase(found);
  return true;
}

size_t allocated_bytes() { return total_bytes; }

void Image::take() {
  bytes_.resize(total_bytes);
  unsigned char* to = bytes_.data();
  for (const auto& [address, memory] : allocations()) {
    if (memory.size() > 0) memcpy(to, address, memory.size());
    to += memory.size();
  }
}

void Image::restore() const {
  const unsigned char* from = bytes_.data();
  for (const auto& [address, memory] : allocations()) {
    if (memory.size() > 0) memcpy(address, from, memory.size());
    from += memory.size();
  }
}

std::string Image::difference() const {
  const unsigned char* expected = bytes_.data();
  for (const auto& [address, memory] : allocations()) {
    const unsigned char* const actual = memory.data();
    if (memory.size() > 0 && memcmp(actual, expected, memory.size()) != 0) {
      const size_t at = static_cast<size_t>(std::mismatch(actual, actual + memory.size(), expected).first - actual);
      char text[160];
      snprintf(text, sizeof text, "byte %zu of an allocation of %zu bytes is 0x%02x instead of 0x%02x", at, memory.size(), actual[at], expected[at]);
      return text;
    }
    expected += memory.size();
  }
  return "";
}

void check_canaries() {
  for (const auto& [address, memory] : allocations())
    if (const char* const where = memory.damage()) fail("a write missed an allocation of %zu bytes: it went %s", memory.size(), where);
}

std::string describe_address(const void* address) {
  char text[160];
  const unsigned char* const p = static_cast<const unsigned char*>(address);
  for (const auto& [data, memory] : allocations()) {
    if (!memory.near(p)) continue;
    const unsigned char* const end = memory.data() + memory.size();
    if (p >= end)
      snprintf(text, sizeof text, "%zu bytes beyond the end of an allocation of %zu bytes", static_cast<size_t>(p - end), memory.size());
    else
      snprintf(text, sizeof text, "%zu bytes in front of an allocation of %zu bytes", static_cast<size_t>(memory.data() - p), memory.size());
    return text;
  }
  return "near no allocation of the device";
}

}  // namespace simt
