// SPDX-License-Identifier: Apache-2.0
// The vector arithmetic of the row kernels, on GCC vector types of TPPO_VECTOR_BYTES. Internal linkage throughout: an inline function shared
// with another file could be linked in its AVX-512 form and run on a CPU without it.
#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "../math/hd.h"

namespace tppo::cpu {
namespace {

constexpr int kLanes = TPPO_VECTOR_BYTES / 4;
constexpr int kGroup = 4;  // vectors handled together: enough independent chains to hide the latency of the polynomial
constexpr int64_t kStep = kLanes * kGroup;

typedef float F __attribute__((vector_size(TPPO_VECTOR_BYTES)));
typedef int32_t I __attribute__((vector_size(TPPO_VECTOR_BYTES)));
typedef uint32_t U __attribute__((vector_size(TPPO_VECTOR_BYTES)));

#define TPPO_INLINE static inline __attribute__((always_inline))

TPPO_INLINE F splat(float x) { return F{} + x; }

template <typename To, typename From>
TPPO_INLINE To bits_of(From v) {
  To r;
  static_assert(sizeof r == sizeof v, "same width");
  __builtin_memcpy(&r, &v, sizeof r);
  return r;
}

template <typename V, typename T>
TPPO_INLINE V load(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

/// kStep logits, in an order of their own: even and odd bfloat16 numbers part ways, which needs no shuffle across lanes.
TPPO_INLINE void load_group(const float* p, F (&v)[kGroup]) {
  for (int k = 0; k < kGroup; ++k) v[k] = load<F>(p + k * kLanes);
}
TPPO_INLINE void load_group(const math::bf16* p, F (&v)[kGroup]) {
  for (int k = 0; k < kGroup; k += 2) {
    const U pair = load<U>(p + k * kLanes);
    v[k] = bits_of<F>(pair << 16);
    v[k + 1] = bits_of<F>(pair & 0xffff0000u);
  }
}

TPPO_INLINE void load_group(const math::f16* p, F (&v)[kGroup]) {
  for (int k = 0; k < kGroup; ++k) {
#if defined(__AVX512F__)
    v[k] = _mm512_cvtph_ps(load<__m256i>(p + k * kLanes));
#elif defined(__F16C__)
    v[k] = _mm256_cvtph_ps(load<__m128i>(p + k * kLanes));
#else
    for (int i = 0; i < kLanes; ++i) v[k][i] = math::to_float(p[k * kLanes + i]);
#endif
  }
}

/// To the places that load_group takes them from.
TPPO_INLINE void store_group(float* p, const F (&v)[kGroup]) {
  for (int k = 0; k < kGroup; ++k) __builtin_memcpy(p + k * kLanes, &v[k], sizeof v[k]);
}
/// Rounds to nearest even; NaN does not occur (rows with NaN take another path).
TPPO_INLINE U round_bf16(F v) {
  const U u = bits_of<U>(v);
  return u + 0x7fffu + ((u >> 16) & 1u);
}
TPPO_INLINE void store_group(math::bf16* p, const F (&v)[kGroup]) {
  for (int k = 0; k < kGroup; k += 2) {
    const U pair = (round_bf16(v[k]) >> 16) | (round_bf16(v[k + 1]) & 0xffff0000u);
    __builtin_memcpy(p + k * kLanes, &pair, sizeof pair);
  }
}

TPPO_INLINE void store_group(math::f16* p, const F (&v)[kGroup]) {
  for (int k = 0; k < kGroup; ++k) {
#if defined(__AVX512F__)
    const __m256i half = _mm512_cvtps_ph(v[k], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __builtin_memcpy(p + k * kLanes, &half, sizeof half);
#elif defined(__F16C__)
    const __m128i half = _mm256_cvtps_ph(v[k], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __builtin_memcpy(p + k * kLanes, &half, sizeof half);
#else
    for (int i = 0; i < kLanes; ++i) p[k * kLanes + i] = math::to_f16(v[k][i]);
#endif
  }
}

/// The larger of the two; x where one of them is NaN.
TPPO_INLINE F max(F other, F x) {
#if defined(__AVX512F__)
  return _mm512_max_ps(other, x);
#elif defined(__AVX__)
  return _mm256_max_ps(other, x);
#else
  return other > x ? other : x;
#endif
}

/// 2^t for t <= 0, exactly 0 where 2^t is below the smallest float, NaN for NaN. t is first raised to kLowest, so that 0 * t is 0, not NaN.
/// Relative error 1e-7: minimax polynomial of degree 5 on [-1/2, 1/2] with 2^0 exactly 1, so that a certain token has log-prob exactly 0.
TPPO_INLINE F exp2_clamped(F& t) {
#if defined(__AVX512F__)
  t = max(splat(-1000.0f), t);
  const F n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const F f = t - n;
#else
  t = max(splat(-127.0f), t);
  // Adding 1.5 * 2^23 leaves round(t) in the low bits of the sum; with 127 added these are the biased exponent.
  const F magic = splat(12582912.0f + 127.0f);
  const F shifted = t + magic;
  const F f = t - (shifted - magic);
#endif
  F p = splat(0.00132647273f);
  p = p * f + 0.00967151299f;
  p = p * f + 0.0555073358f;
  p = p * f + 0.240222424f;
  p = p * f + 0.693147004f;
  p = p * f + 1.0f;
#if defined(__AVX512F__)
  return _mm512_scalef_ps(p, n);
#else
  return p * bits_of<F>(bits_of<I>(shifted) << 23);  // a product, so that NaN in p stays NaN whatever the exponent bits are
#endif
}

TPPO_INLINE float max_of(F v) {
  float m = v[0];
  for (int i = 1; i < kLanes; ++i) m = v[i] > m ? v[i] : m;
  return m;
}

TPPO_INLINE double sum_of(F v) {
  double s = 0.0;
  for (int i = 0; i < kLanes; ++i) s += v[i];
  return s;
}

}  // namespace
}  // namespace tppo::cpu
