// SPDX-License-Identifier: Apache-2.0
// Mean and variance over a block and over the blocks of a kernel, in a fixed order, and the kernel that whitens with them.
#pragma once

#include "../math/moments.h"
#include "../math/whiten.h"
#include "sequences.cuh"

namespace tppo::cuda {

using Moments = math::Moments<double>;

/// Shared memory of block_moments and total_moments.
constexpr size_t kMomentsBytes = block_sums_bytes(2);

/// Merges the moments of a block of kMapThreads threads, for all of them: counts and means first, then the squares about the mean, so that one
/// division serves all. `shared`: kMomentsBytes, free again afterwards.
__device__ __forceinline__ Moments block_moments(const Moments& mine, double* shared) {
  double first[2] = {mine.count, mine.count * mine.mean};
  block_share_sums(first, shared);
  if (first[0] == 0.0) return math::no_moments<double>();
  const double mean = first[1] / first[0];
  const double d = mine.mean - mean;
  double squares[1] = {mine.count == 0.0 ? 0.0 : mine.squares + mine.count * d * d};
  block_share_sums(squares, shared);
  return Moments{first[0], mean, squares[0]};
}

/// Merges the moments of `count` blocks, for all threads of a block of kMapThreads threads. `shared` as above.
__device__ __forceinline__ Moments total_moments(const Moments* parts, int count, double* shared) {
  Moments mine = math::no_moments<double>();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kMapThreads) mine = i < kMapThreads ? parts[i] : math::merge(mine, parts[i]);
  return block_moments(mine, shared);
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
  /// take part; `shared`: kMomentsBytes.
  __device__ __forceinline__ void apply(const Moments* parts, int blocks, double* shared, int64_t n) const {
    // The first ones are on their way while the parts are merged.
    const int64_t step = static_cast<int64_t>(gridDim.x) * kMapThreads;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * kMapThreads + threadIdx.x;
    float value[kWhitenTogether];
    bool valid[kWhitenTogether];
    load(first, step, n, value, valid);
    const Moments m = total_moments(parts, blocks, shared);
    const double variance = math::variance(m.squares, m.count, unbiased);
    const double inverse_deviation = math::inverse_deviation(variance, epsilon);
    if (stats != nullptr && blockIdx.x == 0 && threadIdx.x == 0) {
      stats[TPPO_WHITEN_VALID] = m.count;
      stats[TPPO_WHITEN_MEAN] = m.mean;
      stats[TPPO_WHITEN_VARIANCE] = variance;
    }
    for (int64_t i = first; i < n; i += kWhitenTogether * step) {
      if (i != first) load(i, step, n, value, valid);
#pragma unroll
      for (int j = 0; j < kWhitenTogether; ++j)
        if (i + j * step < n)
          out[i + j * step] = valid[j] ? static_cast<float>(math::whiten<double>(value[j], m.mean, inverse_deviation, keep_mean)) : 0.0f;
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
