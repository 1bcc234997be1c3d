// SPDX-License-Identifier: Apache-2.0
// The little that gpu_bench needs of the CUDA runtime: memory that is freed, times by events, and JSON lines.
#pragma once

#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tppo.h"

namespace bench {

inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
  exit(1);
}
#define CUDA(call) bench::check(call, #call)

inline void check(int32_t status, const char* what) {
  if (status == TPPO_OK) return;
  fprintf(stderr, "%s: status %d, %s\n", what, status, tppo_last_error());
  exit(1);
}
#define TPPO(call) bench::check(call, #call)

/// Device memory.
class Memory {
 public:
  explicit Memory(uint64_t bytes) { CUDA(cudaMalloc(&address_, bytes > 0 ? bytes : 1)); }
  ~Memory() { cudaFree(address_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  template <typename T>
  T* as() const {
    return static_cast<T*>(address_);
  }

 private:
  void* address_ = nullptr;
};

/// Milliseconds of one call of `work`, which enqueues on the default stream: `calls` of them between two events, repeated; sorted.
template <typename Work>
std::vector<double> times(int warm_up, int repetitions, int calls, const Work& work) {
  cudaEvent_t begin, end;
  CUDA(cudaEventCreate(&begin));
  CUDA(cudaEventCreate(&end));
  for (int i = 0; i < warm_up; ++i) work();
  std::vector<double> all;
  for (int r = 0; r < repetitions; ++r) {
    CUDA(cudaEventRecord(begin));
    for (int i = 0; i < calls; ++i) work();
    CUDA(cudaEventRecord(end));
    CUDA(cudaEventSynchronize(end));
    float ms = 0.0f;
    CUDA(cudaEventElapsedTime(&ms, begin, end));
    all.push_back(static_cast<double>(ms) / calls);
  }
  CUDA(cudaEventDestroy(begin));
  CUDA(cudaEventDestroy(end));
  std::sort(all.begin(), all.end());
  return all;
}

/// Prints one measurement as a line of JSON. `bytes` and `flop` of one call, 0 where they say nothing.
inline void report(const std::string& name, const std::string& shape, const char* dtype, const std::vector<double>& ms, double bytes, double flop,
                   double extra_bytes = 0.0) {
  const double median = ms[ms.size() / 2];
  printf("{\"name\": \"%s\", \"shape\": \"%s\", \"dtype\": \"%s\", \"implementation\": \"tppo\", \"median_ms\": %.6f, \"min_ms\": %.6f", name.c_str(),
         shape.c_str(), dtype, median, ms.front());
  if (bytes > 0.0) printf(", \"gb_per_s\": %.1f", bytes / median * 1e-6);
  if (flop > 0.0) printf(", \"tflop_per_s\": %.2f", flop / median * 1e-9);
  if (extra_bytes > 0.0) printf(", \"extra_mb\": %.1f", extra_bytes * 1e-6);
  printf("}\n");
  fflush(stdout);
}

}  // namespace bench
