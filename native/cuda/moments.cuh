// SPDX-License-Identifier: Apache-2.0
// Mean and variance over a block and over the blocks of a kernel, in a fixed order, and the kernel that whitens with them.
#pragma once

#include "../math/moments.h"
#include "../math/whiten.h"
#include "sequences.cuh"

namespace tppo::cuda {

using Moments = math::Moments<double>;

/// Merges the moments of the first LANES lanes; lane 0 has the result.
template <int LANES>
__device__ __forceinline__ Moments warp_moments(Moments m) {
#pragma unroll
  for (int distance = 1; distance < LANES; distance *= 2) {
    const Moments later{__shfl_down_sync(kAllLanes, m.count, distance), __shfl_down_sync(kAllLanes, m.mean, distance),
                        __shfl_down_sync(kAllLanes, m.squares, distance)};
    m = math::merge(m, later);
  }
  return m;
}

/// Merges the moments of a block of kMapThreads threads; thread 0 has the result. `shared`: room for one a warp, free again after the next
/// barrier.
__device__ __forceinline__ Moments block_moments(const Moments& mine, Moments* shared) {
  constexpr int kWarps = kMapThreads / kWarp;
  const Moments m = warp_moments<kWarp>(mine);
  if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = m;
  __syncthreads();
  return threadIdx.x < kWarp ? warp_moments<kWarps>(shared[threadIdx.x % kWarps]) : m;
}

/// Shared memory of block_moments and total_moments.
constexpr size_t kMomentsBytes = sizeof(Moments) * (kMapThreads / kWarp);

/// Merges the moments of `count` blocks, for all threads of a block of kMapThreads threads. `shared` as above.
__device__ __forceinline__ Moments total_moments(const Moments* parts, int count, Moments* shared) {
  Moments mine = math::no_moments<double>();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kMapThreads) mine = math::merge(mine, parts[i]);
  const Moments all = block_moments(mine, shared);
  __syncthreads();
  if (threadIdx.x == 0) shared[0] = all;
  __syncthreads();
  return shared[0];
}

/// The second launch of a whitening.
struct Whitening {
  const float* x;
  const uint8_t* mask;
  float* out;
  double* stats;  // nullable
  bool unbiased, keep_mean;
  double epsilon;

  /// All but x and out, which token_advantages leaves open.
  static Whitening of(const tppo_whiten_args& a, const float* x, float* out) {
    return Whitening{x, a.mask, out, a.stats, a.unbiased != 0, a.keep_mean != 0, a.epsilon};
  }

  /// Whitens this thread's share of n tokens. All threads of the block take part.
  __device__ __forceinline__ void apply(const Moments& m, int64_t n) const {
    const double variance = math::variance(m.squares, m.count, unbiased);
    const double inverse_deviation = math::inverse_deviation(variance, epsilon);
    if (stats != nullptr && blockIdx.x == 0 && threadIdx.x == 0) {
      stats[TPPO_WHITEN_VALID] = m.count;
      stats[TPPO_WHITEN_MEAN] = m.mean;
      stats[TPPO_WHITEN_VARIANCE] = variance;
    }
    const int64_t step = static_cast<int64_t>(gridDim.x) * kMapThreads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kMapThreads + threadIdx.x; i < n; i += step)
      out[i] = counts(mask, i) ? static_cast<float>(math::whiten<double>(x[i], m.mean, inverse_deviation, keep_mean)) : 0.0f;
  }
};

}  // namespace tppo::cuda
