// SPDX-License-Identifier: Apache-2.0
// Where the results of a sequence go, which are made from its last token to its first, in vectors that may begin at any token.
#pragma once

#include "vector.inl"

namespace tppo::cpu {
namespace {

TPPO_INLINE I lane_numbers() {
  I lanes;
  for (int i = 0; i < kLanes; ++i) lanes[i] = i;
  return lanes;
}

TPPO_INLINE void store_first(float* p, F v, int count) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), v);
#else
  for (int i = 0; i < count; ++i) p[i] = v[i];
#endif
}

/// Results that stay in the caches.
class CachedResults {
 public:
  static constexpr bool kFromMemory = false;
  TPPO_INLINE_MEMBER explicit CachedResults(float* sequence) : sequence_(sequence) {}

  TPPO_INLINE_MEMBER void put(int64_t i, float x) { sequence_[i] = x; }
  /// The vectors that end before `end`, the last one first.
  template <int COUNT>
  TPPO_INLINE_MEMBER void put_vectors(int64_t end, const F (&v)[COUNT]) {
    for (int k = 0; k < COUNT; ++k) store(sequence_ + end - (k + 1) * kLanes, v[k]);
  }
  /// Zeros for the `count` < kLanes tokens before `end`.
  TPPO_INLINE_MEMBER void put_zeros(int64_t end, int count) { store_first(sequence_ + end - count, splat(0.0f), count); }
  /// The first `count` < kLanes tokens, the last to come.
  TPPO_INLINE_MEMBER void put_first(F v, int count) { store_first(sequence_, v, count); }
  TPPO_INLINE_MEMBER void finish() {}
  static void complete() {}

 private:
  float* const sequence_;
};

#if defined(__AVX2__)
/// To an address on a vector's boundary, past the caches.
TPPO_INLINE void store_past_caches(float* p, F v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, v);
#else
  _mm256_stream_ps(p, v);
#endif
}

/// Lane i of the result is lane i + count of `low` followed by `high`; 0 <= count <= kLanes.
TPPO_INLINE F lanes_from(int count, F low, F high) {
  const I from = lane_numbers() + count;
#if defined(__AVX512F__)
  return _mm512_permutex2var_ps(low, bits_of<__m512i>(from), high);
#else
  const __m256i lanes = bits_of<__m256i>(from);
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, lanes), _mm256_permutevar8x32_ps(high, lanes), bits_of<F>(from >= kLanes));
#endif
}

/// Results too large for the caches, which would first be read into them: they go past, as vectors on their boundaries, whatever tokens they begin at. A line that is written otherwise is first read,
/// and the stores behind it wait. So what a vector leaves below a boundary waits for the vector before it.
class StreamedResults {
 public:
  static constexpr bool kFromMemory = true;  // as large as these are what they are made from
  TPPO_INLINE_MEMBER explicit StreamedResults(float* sequence) : sequence_(sequence) {}

  TPPO_INLINE_MEMBER void put(int64_t i, float x) {
    finish();
    sequence_[i] = x;
  }
  template <int COUNT>
  TPPO_INLINE_MEMBER void put_vectors(int64_t end, const F (&v)[COUNT]) {
    const int over = past_boundary(end);
    float* const boundary = sequence_ + end - over;
    if (over == 0) {
      for (int k = 0; k < COUNT; ++k) store_past_caches(boundary - (k + 1) * kLanes, v[k]);
      return;
    }
    if (waiting_from_ == end) {
      store_past_caches(boundary, lanes_from(kLanes - over, v[0], waiting_));
    } else {
      finish();
      store_first(boundary, lanes_from(kLanes - over, v[0], v[0]), over);
    }
    for (int k = 1; k < COUNT; ++k) store_past_caches(boundary - k * kLanes, lanes_from(kLanes - over, v[k], v[k - 1]));
    waiting_ = v[COUNT - 1];
    waiting_from_ = end - COUNT * kLanes;
  }
  TPPO_INLINE_MEMBER void put_zeros(int64_t end, int count) {
    if (past_boundary(end) != 0 || end < kLanes) {
      finish();
      return store_first(sequence_ + end - count, splat(0.0f), count);
    }
    waiting_ = splat(0.0f);
    waiting_from_ = end - count;
  }
  TPPO_INLINE_MEMBER void put_first(F v, int count) {
    if (waiting_from_ == count && past_boundary(count) == count) {
      waiting_from_ = kNone;
      return store_past_caches(sequence_, lanes_from(kLanes - count, lanes_from(count, v, v), waiting_));
    }
    finish();
    store_first(sequence_, v, count);
  }
  /// Writes what waits; to be called when nothing comes any more.
  TPPO_INLINE_MEMBER void finish() {
    if (waiting_from_ != kNone) store_first(sequence_ + waiting_from_, waiting_, kLanes - past_boundary(waiting_from_));
    waiting_from_ = kNone;
  }
  /// Makes the results of all sequences visible to other threads before what follows.
  static void complete() { _mm_sfence(); }

 private:
  static constexpr int64_t kNone = -1;

  TPPO_INLINE_MEMBER int past_boundary(int64_t i) const {
    return static_cast<int>(reinterpret_cast<uintptr_t>(sequence_ + i) % sizeof(F) / sizeof(float));
  }

  float* const sequence_;
  F waiting_ = splat(0.0f);      // a vector of which the lanes below the next boundary are still to be stored
  int64_t waiting_from_ = kNone;  // its first token
};
using LargeResults = StreamedResults;
#else
using LargeResults = CachedResults;  // no stores go past the caches
#endif

}  // namespace
}  // namespace tppo::cpu
