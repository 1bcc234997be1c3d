// SPDX-License-Identifier: Apache-2.0
// Device memory: every allocation between pages without access, filled with NaN bits, and comparable as a whole.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <vector>

namespace simt {

/// Memory that ends where its last page ends, so that the first byte beyond it faults; with an alignment (a power of two) up to
/// alignment - 1 bytes earlier. The bytes around it, which do not fault, hold a pattern that check_canaries looks for.
class GuardedMemory {
 public:
  GuardedMemory(size_t bytes, size_t alignment);
  ~GuardedMemory();
  GuardedMemory(GuardedMemory&& other) noexcept;
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  unsigned char* data() const { return data_; }
  size_t size() const { return bytes_; }
  /// Moves the memory within its pages to hold `bytes` <= the size of its creation; its contents are lost.
  void resize(size_t bytes);
  void poison();
  /// NULL, or how its surroundings were damaged.
  const char* damage() const;
  bool near(const void* address) const { return address >= map_ && address < map_ + map_bytes_; }

 private:
  unsigned char* map_;
  size_t map_bytes_, bytes_, alignment_;
  unsigned char* data_;
};

/// NULL when `bytes` is more than the device has left.
void* allocate(size_t bytes, size_t alignment);
bool release(void* address);
size_t allocated_bytes();
constexpr size_t kDeviceBytes = size_t{4} << 30;

/// What all allocations hold.
class Image {
 public:
  void take();
  void restore() const;
  /// Empty, or which number differs first.
  std::string difference() const;

 private:
  std::vector<unsigned char> bytes_;
};

/// Ends the process through fail() when a write missed its allocation.
void check_canaries();
/// "4 bytes beyond an allocation of 64", or that nothing is near.
std::string describe_address(const void* address);

}  // namespace simt
