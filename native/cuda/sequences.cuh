// SPDX-License-Identifier: Apache-2.0
// Which tokens count, which tokens a sequence owns, padded or packed, and how many tokens or sequences count.
#pragma once

#include "reduce.cuh"

namespace tppo::cuda {

/// False at masked tokens.
__device__ __forceinline__ bool counts(const uint8_t* mask, int64_t i) { return mask == nullptr || mask[i] != 0; }

/// Stores to an output that may not be wanted.
__device__ __forceinline__ void put(float* array, int64_t i, double value) {
  if (array != nullptr) array[i] = static_cast<float>(value);
}

/// The tokens that a call handles: all of them under a mask, or those of a row list. The list lies on the device and is unchecked.
struct Tokens {
  const uint8_t* mask;  // NULL with rows
  const int32_t* rows;  // nullable
  int64_t count;        // entries
  int64_t num_tokens;

  template <typename Args>
  static Tokens of(const Args& a) {
    return Tokens{a.mask, a.rows, a.rows != nullptr ? a.num_rows : a.num_tokens, a.num_tokens};
  }

  __device__ __forceinline__ int64_t token(int64_t k) const { return rows == nullptr ? k : rows[k]; }
  /// False for an entry that names no token.
  __device__ __forceinline__ bool exists(int64_t i) const { return i >= 0 && i < num_tokens; }
  __device__ __forceinline__ bool valid(int64_t i) const { return counts(mask, i); }
};

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
};

/// What counting kernels leave behind for the kernels after them.
struct Counted {
  double normalizer;
  double sequences;  // that have a valid token; 0 where tokens were counted
  float inverse;     // of the normaliser
};

/// 1 / normalizer, and 0 where nothing counts.
TPPO_HD double inverse(double normalizer) { return normalizer > 0.0 ? 1.0 / normalizer : 0.0; }

/// A normaliser: given, or counted by another kernel of this call.
struct Normalizer {
  double given;
  const Counted* counted;  // NULL: given
  float given_inverse;

  static Normalizer of(double given) { return Normalizer{given, nullptr, static_cast<float>(cuda::inverse(given))}; }
  static Normalizer of(const Counted* counted) { return Normalizer{0.0, counted, 0.0f}; }

  __device__ __forceinline__ double value() const { return counted == nullptr ? given : counted->normalizer; }
  /// In single precision, for kernels without double arithmetic.
  __device__ __forceinline__ float inverse() const { return counted == nullptr ? given_inverse : counted->inverse; }
};

/// Enqueues a count of valid tokens unless it is known: `given` if that is positive, all without a mask.
/// partials: token_count_partials(num_tokens) doubles.
Normalizer count_tokens(Launcher& launch, double given, const Tokens& tokens, double* partials, Counted* counted);
int64_t token_count_partials(int64_t num_tokens);

/// Enqueues the count of sequences that have a valid token; `given`, if that is positive, is the normaliser instead. divisors (nullable,
/// [num_tokens]) receives at each valid token the number of valid tokens of its sequence.
/// partials: sequence_count_partials(sequences.count) doubles.
Normalizer count_sequences(Launcher& launch, double given, const Sequences& sequences, const Tokens& tokens, int32_t* divisors, double* partials,
                           Counted* counted);
int64_t sequence_count_partials(int64_t count);

}  // namespace tppo::cuda
