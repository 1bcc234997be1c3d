// SPDX-License-Identifier: Apache-2.0
// Vector arithmetic in float for one instruction set: AVX-512, AVX2 or NEON, by what the including file is compiled for.
// Internal linkage throughout: an inline function shared with another file could be linked in its AVX-512 form and run on a CPU without it.
// Nothing here is contracted by the compiler (-ffp-contract=off): equal code must round alike wherever it is inlined.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "../math/hd.h"

namespace tppo::cpu {
namespace {

#define TPPO_INLINE static inline __attribute__((always_inline))
#define TPPO_INLINE_MEMBER inline __attribute__((always_inline))

#if defined(__AVX512F__)
constexpr int kLanes = 16;
typedef __m512 F;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
typedef __m256 F;
#else
constexpr int kLanes = 4;
typedef float32x4_t F;
#endif
typedef uint32_t U __attribute__((vector_size(kLanes * 4)));
typedef int32_t I __attribute__((vector_size(kLanes * 4)));
typedef uint16_t U16 __attribute__((vector_size(kLanes * 4)));
typedef int16_t I16 __attribute__((vector_size(kLanes * 4)));

constexpr int kGroup = 4;  // vectors of a step: enough independent chains to hide the latency of the polynomial
constexpr int64_t kStep = kLanes * kGroup;  // elements that arrays are filled up to

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
template <typename V, typename T>
TPPO_INLINE void store(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

/// Keeps the compiler from loading a value once for each use.
template <typename V>
TPPO_INLINE void in_register(V& v) {
#if defined(__aarch64__)
  asm("" : "+w"(v));
#else
  asm("" : "+v"(v));
#endif
}

#if defined(__AVX512F__)
TPPO_INLINE F splat(float x) { return _mm512_set1_ps(x); }
TPPO_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
/// The larger of the two; x where one of them is NaN.
TPPO_INLINE F max(F other, F x) { return _mm512_max_ps(other, x); }
#elif defined(__AVX2__)
TPPO_INLINE F splat(float x) { return _mm256_set1_ps(x); }
TPPO_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
TPPO_INLINE F max(F other, F x) { return _mm256_max_ps(other, x); }
#else
TPPO_INLINE F splat(float x) { return vdupq_n_f32(x); }
TPPO_INLINE F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
TPPO_INLINE F max(F other, F x) { return vbslq_f32(vcgtq_f32(other, x), other, x); }
#endif

/// N vectors of logits, N even, in an order of their own: even and odd bfloat16 numbers part ways, which needs no shuffle across lanes.
template <int N>
TPPO_INLINE void load_group(const float* p, F (&v)[N]) {
  for (int k = 0; k < N; ++k) v[k] = load<F>(p + k * kLanes);
}
template <int N>
TPPO_INLINE void load_group(const math::bf16* p, F (&v)[N]) {
  for (int k = 0; k < N; k += 2) {
    const U pair = load<U>(p + k * kLanes);
    v[k] = bits_of<F>(pair << 16);
    v[k + 1] = bits_of<F>(pair & 0xffff0000u);
  }
}
template <int N>
TPPO_INLINE void load_group(const math::f16* p, F (&v)[N]) {
  for (int k = 0; k < N; ++k) {
#if defined(__AVX512F__)
    v[k] = _mm512_cvtph_ps(load<__m256i>(p + k * kLanes));
#elif defined(__AVX2__)
    v[k] = _mm256_cvtph_ps(load<__m128i>(p + k * kLanes));
#else
    v[k] = vcvt_f32_f16(load<float16x4_t>(p + k * kLanes));
#endif
  }
}

/// To the places that load_group takes them from.
template <int N>
TPPO_INLINE void store_group(float* p, const F (&v)[N]) {
  for (int k = 0; k < N; ++k) store(p + k * kLanes, v[k]);
}
#if defined(__AVX512BF16__)
template <int N>
TPPO_INLINE void store_group(math::bf16* p, const F (&v)[N]) {
  const U16 order = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  for (int k = 0; k < N; k += 2)
    store(p + k * kLanes, _mm512_permutexvar_epi16(bits_of<__m512i>(order), bits_of<__m512i>(_mm512_cvtne2ps_pbh(v[k + 1], v[k]))));
}
#else
/// Rounds to nearest even; NaN does not occur (rows with NaN take another path).
TPPO_INLINE U round_bf16(F v) {
  const U u = bits_of<U>(v);
  return u + 0x7fffu + ((u >> 16) & 1u);
}
template <int N>
TPPO_INLINE void store_group(math::bf16* p, const F (&v)[N]) {
  for (int k = 0; k < N; k += 2) store(p + k * kLanes, (round_bf16(v[k]) >> 16) | (round_bf16(v[k + 1]) & 0xffff0000u));
}
#endif
template <int N>
TPPO_INLINE void store_group(math::f16* p, const F (&v)[N]) {
  for (int k = 0; k < N; ++k) {
#if defined(__AVX512F__)
    store(p + k * kLanes, _mm512_cvtps_ph(v[k], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif defined(__AVX2__)
    store(p + k * kLanes, _mm256_cvtps_ph(v[k], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#else
    store(p + k * kLanes, vcvt_f16_f32(v[k]));
#endif
  }
}

/// e = 2^t, exactly 0 where 2^t is below the smallest normal number, exactly 1 for t = 0, NaN for NaN. |t| may be up to 1e30; an infinite t is
/// the caller's to clamp. Minimax polynomials on [-1/2, 1/2] with p(0) = 1: relative error 1e-7 for degree 5, 3e-6 for degree 4.
/// Step by step over the group, so that the chains of its vectors run beside each other.
template <int DEGREE, int N>
TPPO_INLINE void exp2_of(const F (&t)[N], F (&e)[N]) {
  static_assert(DEGREE == 5 || DEGREE == 4, "no such polynomial");
  constexpr float kFive[] = {0.00132647273f, 0.00967151299f, 0.0555073358f, 0.240222424f, 0.693147004f, 1.0f};
  constexpr float kFour[] = {0.00957010191f, 0.0559178603f, 0.240247448f, 0.693121815f, 1.0f};
  const float* const c = DEGREE == 5 ? kFive : kFour;
  F n[N], f[N];
  for (int k = 0; k < N; ++k) {
#if defined(__AVX512F__)
    n[k] = _mm512_roundscale_ps(t[k], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    f[k] = t[k] - n[k];
#else
    // Adding 1.5 * 2^23 leaves round(t) in the low bits of the sum; with 127 added these are the biased exponent.
    const F magic = splat(12582912.0f + 127.0f);
    const F clamped = max(splat(-127.0f), t[k]);
    n[k] = clamped + magic;
    f[k] = clamped - (n[k] - magic);
#endif
  }
  for (int k = 0; k < N; ++k) e[k] = fma(splat(c[0]), f[k], splat(c[1]));
  for (int i = 2; i <= DEGREE; ++i)
    for (int k = 0; k < N; ++k) e[k] = fma(e[k], f[k], splat(c[i]));
  for (int k = 0; k < N; ++k) {
#if defined(__AVX512F__)
    e[k] = _mm512_scalef_ps(e[k], n[k]);
#else
    e[k] = e[k] * bits_of<F>(bits_of<I>(n[k]) << 23);  // a product, so that NaN stays NaN whatever the exponent bits are
#endif
  }
}

template <typename V>
TPPO_INLINE V larger(V a, V b) {
  return a > b ? a : b;
}

/// Largest element of an integer vector.
template <typename T, typename V>
TPPO_INLINE T max_of(V v) {
  T x[sizeof(V) / sizeof(T)];
  __builtin_memcpy(x, &v, sizeof v);
  // Halves: the compiler makes vector code of this.
  for (unsigned n = sizeof(V) / sizeof(T) / 2; n > 0; n /= 2)
    for (unsigned i = 0; i < n; ++i) x[i] = x[i] > x[i + n] ? x[i] : x[i + n];
  return x[0];
}

TPPO_INLINE double sum_of(F v) {
#if defined(__AVX512F__)
  const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
  const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
  return _mm512_reduce_add_pd(low + high);
#else
  float x[kLanes];
  double s[kLanes];
  __builtin_memcpy(x, &v, sizeof v);
  for (int i = 0; i < kLanes; ++i) s[i] = x[i];
  for (int n = kLanes / 2; n > 0; n /= 2)
    for (int i = 0; i < n; ++i) s[i] += s[i + n];
  return s[0];
#endif
}

}  // namespace
}  // namespace tppo::cpu
