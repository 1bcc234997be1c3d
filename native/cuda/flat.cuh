// SPDX-License-Identifier: Apache-2.0
// Updates of flat F32 tensors in place, four elements at a time where all tensors lie on 16-byte boundaries.
#pragma once

#include "gpu.cuh"

namespace tppo::cuda {

constexpr int kFlatThreads = 256;

inline bool aligned_16(const void* p) { return (reinterpret_cast<uintptr_t>(p) & 15u) == 0; }

/// Op::begin() says whether there is anything to do; four(i) handles elements i to i + 3, one(i) element i.
template <typename Op>
__global__ void __launch_bounds__(kFlatThreads) flat_kernel(Op op, int64_t n, int64_t fours) {
  if (!op.begin()) return;
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * kFlatThreads + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kFlatThreads;
  for (int64_t i = thread; i < fours; i += step) op.four(4 * i);
  for (int64_t i = 4 * fours + thread; i < n; i += step) op.one(i);
}

template <typename Op>
void launch_flat(Launcher& launch, const Op& op, int64_t n, bool aligned) {
  if (n == 0) return;
  const int64_t fours = aligned ? n / 4 : 0;
  const int64_t units = aligned ? fours + 3 : n;
  const int64_t blocks = (units + kFlatThreads - 1) / kFlatThreads;
  const int64_t resident = static_cast<int64_t>(launch.multiprocessors()) * 8;
  launch(flat_kernel<Op>, Grid{blocks < resident ? blocks : resident, kFlatThreads, 0}, op, n, fours);
}

}  // namespace tppo::cuda
