// SPDX-License-Identifier: Apache-2.0
// Which tokens a sequence owns, padded or packed, and how many tokens or sequences count.
#pragma once

#include "reduce.cuh"

namespace tppo::cuda {

/// False at masked tokens.
__device__ __forceinline__ bool counts(const uint8_t* mask, int64_t i) { return mask == nullptr || mask[i] != 0; }

struct Span {
  int64_t begin, end;
};

/// cu_seqlens lies on the device and is unchecked: whatever it holds, no span leaves [0, tokens).
struct Sequences {
  const int32_t* cu_seqlens;  // nullable: padded
  int64_t tokens, count, length;

  Sequences(const int32_t* cu, int64_t num_tokens, int64_t num_sequences)
      : cu_seqlens(cu), tokens(num_tokens), count(num_sequences), length(num_sequences > 0 ? num_tokens / num_sequences : 0) {}

  __device__ Span span(int64_t b) const {
    if (cu_seqlens == nullptr) return Span{b * length, (b + 1) * length};
    const int64_t begin = math::clamp<int64_t>(cu_seqlens[b], 0, tokens);
    return Span{begin, math::clamp<int64_t>(cu_seqlens[b + 1], begin, tokens)};
  }

  /// The sequence of token i: the last one that begins at or before it.
  __device__ int64_t of(int64_t i) const {
    if (cu_seqlens == nullptr) return i / length;
    int64_t low = 0, high = count;
    while (high - low > 1) {
      const int64_t middle = (low + high) / 2;
      if (cu_seqlens[middle] <= i)
        low = middle;
      else
        high = middle;
    }
    return low;
  }
};

/// A normaliser: given, or the sum of the partials that another kernel of this call left behind.
struct Normalizer {
  double given;
  const double* partials;  // NULL: given
  int blocks;

  /// The same bits for every thread of the block. `shared`: room for one double.
  __device__ double value(double* shared) const { return partials == nullptr ? given : block_total(partials, blocks, shared); }
};

/// 1 / normalizer, and 0 where nothing counts.
__device__ __forceinline__ double inverse(double normalizer) { return normalizer > 0.0 ? 1.0 / normalizer : 0.0; }

/// Enqueues a count of valid tokens unless it is known: `given` if that is positive, n without a mask.
/// partials: token_count_partials(n) doubles.
Normalizer count_tokens(Launcher& launch, double given, const uint8_t* mask, int64_t n, double* partials);
int64_t token_count_partials(int64_t n);

/// Enqueues the count of valid tokens of each sequence to per_sequence[count] and of sequences that have one.
/// partials: sequence_count_partials(count) doubles.
Normalizer count_sequences(Launcher& launch, const Sequences& sequences, const uint8_t* mask, int32_t* per_sequence, double* partials);
int64_t sequence_count_partials(int64_t count);

}  // namespace tppo::cuda
