// SPDX-License-Identifier: Apache-2.0
// Where the tests run and where their arrays lie. Built without TPPO_TEST_DEVICE, on the CPU. With it, on that CUDA device, and the arrays
// are in memory that host and device see at one address.
#pragma once

#include <cstdint>
#include <new>
#include <vector>

#ifdef TPPO_TEST_DEVICE
#include <cuda_runtime.h>
#endif

namespace test {

#ifdef TPPO_TEST_DEVICE

constexpr int32_t kDevice = TPPO_TEST_DEVICE;
constexpr bool kOnDevice = true;

template <typename T>
struct SharedMemory {
  using value_type = T;
  SharedMemory() = default;
  template <typename U>
  SharedMemory(const SharedMemory<U>&) {}
  T* allocate(size_t n) {
    void* address = nullptr;
    if (cudaHostAlloc(&address, n * sizeof(T), cudaHostAllocMapped) != cudaSuccess) throw std::bad_alloc();
    return static_cast<T*>(address);
  }
  void deallocate(T* address, size_t) { cudaFreeHost(address); }
  bool operator==(const SharedMemory&) const { return true; }
  bool operator!=(const SharedMemory&) const { return false; }
};

/// Every array that a call reads or writes.
template <typename T>
using Vec = std::vector<T, SharedMemory<T>>;

#else

constexpr int32_t kDevice = -1;
constexpr bool kOnDevice = false;

template <typename T>
using Vec = std::vector<T>;

#endif

}  // namespace test
