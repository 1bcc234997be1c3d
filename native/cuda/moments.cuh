// SPDX-License-Identifier: Apache-2.0
// Mean and variance over a block and over the blocks of a kernel, in a fixed order, and the kernel that whitens with them.
#pragma once

#include "../math/moments.h"
#include "../math/whiten.h"
#include "sequences.cuh"

namespace tppo::cuda {

using Moments = math::Moments<double>;
using PivotSums = math::PivotSums<double>;

/// Shared memory of block_union and of Whitening.
constexpr size_t kMomentsBytes = sizeof(PivotSums) * (kMapThreads / kWarp);

/// The union over a warp, the same bits in all lanes.
__device__ __forceinline__ PivotSums warp_union(const PivotSums& mine) {
  // All add up what they see from the pivot of the first lane that has one.
  const unsigned lanes = __ballot_sync(kAllLanes, mine.count > 0.0);
  const double pivot = __shfl_sync(kAllLanes, mine.pivot, lanes != 0u ? __ffs(static_cast<int>(lanes)) - 1 : 0);
  const PivotSums seen = mine.from(pivot);
  return PivotSums{pivot, warp_sum(seen.count), warp_sum(seen.sum), warp_sum(seen.squares)};
}

/// The union over a block of kMapThreads threads, for its first warp. `shared`: kMomentsBytes, free again after the next barrier.
__device__ __forceinline__ PivotSums block_union(const PivotSums& mine, double* shared) {
  constexpr int kWarps = kMapThreads / kWarp;
  PivotSums* const of_warps = reinterpret_cast<PivotSums*>(shared);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  PivotSums all = warp_union(mine);
  if (lane == 0) of_warps[warp] = all;
  __syncthreads();
  if (warp == 0) all = warp_union(lane < kWarps ? of_warps[lane] : PivotSums{});
  return all;
}

/// The moments of `count` blocks together, the same bits in all lanes of a warp.
__device__ __forceinline__ Moments warp_total(const Moments* parts, int count) {
  constexpr int kInFlight = 8;
  PivotSums mine;
  for (int first = static_cast<int>(threadIdx.x) % kWarp; first < count; first += kInFlight * kWarp) {
    Moments part[kInFlight];
#pragma unroll
    for (int j = 0; j < kInFlight; ++j) part[j] = first + j * kWarp < count ? parts[first + j * kWarp] : Moments{0.0, 0.0, 0.0};
#pragma unroll
    for (int j = 0; j < kInFlight; ++j) mine.add(part[j]);
  }
  return warp_union(mine).moments();
}

/// Tokens that a thread whitens together.
constexpr int kWhitenTogether = 4;
inline int whiten_blocks(int64_t n) { return map_blocks(n, kMapThreads * kWhitenTogether); }

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

  /// Whitens this thread's share of n tokens by the moments of all, of which `blocks` blocks have left their parts. All threads of the block
  /// take part; the first warp puts the parts together. `shared`: kMomentsBytes.
  __device__ __forceinline__ void apply(const Moments* parts, int blocks, double* shared, int64_t n) const {
    // The first ones are on their way while the parts are merged.
    const int64_t step = static_cast<int64_t>(gridDim.x) * kMapThreads;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * kMapThreads + threadIdx.x;
    float value[kWhitenTogether];
    bool valid[kWhitenTogether];
    load(first, step, n, value, valid);
    if (threadIdx.x < kWarp) {
      const Moments m = warp_total(parts, blocks);
      const double variance = math::variance(m.squares, m.count, unbiased);
      if (threadIdx.x == 0) {
        shared[0] = m.mean;
        shared[1] = math::inverse_deviation(variance, epsilon);
      }
      if (stats != nullptr && blockIdx.x == 0 && threadIdx.x == 0) {
        stats[TPPO_WHITEN_VALID] = m.count;
        stats[TPPO_WHITEN_MEAN] = m.mean;
        stats[TPPO_WHITEN_VARIANCE] = variance;
      }
    }
    __syncthreads();
    const double mean = shared[0], inverse_deviation = shared[1];
    for (int64_t i = first; i < n; i += kWhitenTogether * step) {
      if (i != first) load(i, step, n, value, valid);
#pragma unroll
      for (int j = 0; j < kWhitenTogether; ++j)
        if (i + j * step < n)
          out[i + j * step] = valid[j] ? static_cast<float>(math::whiten<double>(value[j], mean, inverse_deviation, keep_mean)) : 0.0f;
    }
  }

 private:
  __device__ __forceinline__ void load(int64_t first, int64_t step, int64_t n, float (&value)[kWhitenTogether], bool (&valid)[kWhitenTogether]) const {
#pragma unroll
    for (int j = 0; j < kWhitenTogether; ++j) {
      const int64_t i = first + j * step;
      valid[j] = i < n && counts(mask, i);
      value[j] = valid[j] ? x[i] : 0.0f;
    }
  }
};

}  // namespace tppo::cuda
