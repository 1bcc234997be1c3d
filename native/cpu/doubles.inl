// SPDX-License-Identifier: Apache-2.0
// Arithmetic in double over masked arrays of float or whole numbers, 16 tokens at a time for the instruction set that the including file is
// compiled for.
//
// Token i goes to sum i % 16, and the 16 sums are added in pairs, whatever the width of the vectors, and nothing is contracted (-ffp-contract=off):
// on one machine every instruction set gives the same bits, the signs of NaN apart. Internal linkage throughout, as in vector.inl, whose vectors of
// float are as wide; of math:: only templates may be called, with vectors for numbers, whose width is part of the function's name.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

namespace tppo::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kDoubles = 8;
#elif defined(__AVX2__)
constexpr int kDoubles = 4;
#else
constexpr int kDoubles = 2;
#endif
constexpr int kTokens = 16;
constexpr int kParts = kTokens / kDoubles;

typedef double Doubles __attribute__((vector_size(kDoubles * 8)));
typedef float Floats __attribute__((vector_size(kDoubles * 4)));
typedef int32_t Ints __attribute__((vector_size(kDoubles * 4)));
typedef int64_t Flags __attribute__((vector_size(kDoubles * 8)));  // -1 or 0

// The compiler takes wide conversions apart, so those that are one instruction are spelled out.
#if defined(__AVX512F__)
inline Doubles widen(Floats v) { return _mm512_cvtps_pd(v); }
inline Doubles widen(Ints v) { return _mm512_cvtepi32_pd(reinterpret_cast<__m256i>(v)); }
inline Floats narrow(Doubles v) { return _mm512_cvtpd_ps(v); }
inline Flags not_zero(const uint8_t* p) { return reinterpret_cast<Flags>(_mm512_cvtepu8_epi64(_mm_loadu_si64(p))) != 0; }
#elif defined(__AVX2__)
inline Doubles widen(Floats v) { return _mm256_cvtps_pd(v); }
inline Doubles widen(Ints v) { return _mm256_cvtepi32_pd(reinterpret_cast<__m128i>(v)); }
inline Floats narrow(Doubles v) { return _mm256_cvtpd_ps(v); }
inline Flags not_zero(const uint8_t* p) { return reinterpret_cast<Flags>(_mm256_cvtepu8_epi64(_mm_loadu_si32(p))) != 0; }
#else
inline Doubles widen(Floats v) { return __builtin_convertvector(v, Doubles); }
inline Doubles widen(Ints v) { return __builtin_convertvector(v, Doubles); }
inline Floats narrow(Doubles v) { return __builtin_convertvector(v, Floats); }
inline Flags not_zero(const uint8_t* p) { return -Flags{p[0] != 0, p[1] != 0}; }
#endif

/// The n < kDoubles first ones; 0 for the others.
#if defined(__AVX512F__)
inline Doubles load_some(const double* p, int n) { return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1), p); }
inline Floats load_some(const float* p, int n) { return _mm256_maskz_loadu_ps(static_cast<__mmask8>((1u << n) - 1), p); }
inline void store_some(float* p, Floats v, int n) { _mm256_mask_storeu_ps(p, static_cast<__mmask8>((1u << n) - 1), v); }
#else
inline Doubles load_some(const double* p, int n) {
  Doubles v{};
  for (int k = 0; k < n; ++k) v[k] = p[k];
  return v;
}
inline Floats load_some(const float* p, int n) {
  Floats v{};
  for (int k = 0; k < n; ++k) v[k] = p[k];
  return v;
}
inline void store_some(float* p, Floats v, int n) {
  for (int k = 0; k < n; ++k) p[k] = v[k];
}
#endif

inline Ints load_some(const int32_t* p, int n) {
  Ints v{};
  for (int k = 0; k < n; ++k) v[k] = p[k];
  return v;
}
inline void store_some(int32_t* p, Ints v, int n) {
  for (int k = 0; k < n; ++k) p[k] = v[k];
}

/// 16 tokens, in kParts parts; or the `count` that are left, where kWhole is false. What is loaded for the others is 0, and not stored.
template <bool kWhole>
struct Tokens16 {
  int64_t first;
  int count;

  Doubles load(const double* p, int part) const {
    if (!whole(part)) return lanes(part) > 0 ? load_some(p + place(part), lanes(part)) : Doubles{};
    Doubles v;
    __builtin_memcpy(&v, p + place(part), sizeof v);
    return v;
  }
  Doubles load(const float* p, int part) const { return load_and_widen<Floats>(p, part); }
  Doubles load(const int32_t* p, int part) const { return load_and_widen<Ints>(p, part); }
  /// Those that exist and are not masked; `mask` may be NULL.
  Flags valid(const uint8_t* mask, int part) const {
    if (whole(part)) return mask != nullptr ? not_zero(mask + place(part)) : Flags{} - 1;
    uint8_t m[kDoubles] = {};
    for (int k = 0; k < kDoubles; ++k) m[k] = k < lanes(part) && (mask == nullptr || mask[place(part) + k] != 0);
    return not_zero(m);
  }
  void store(float* p, int part, Doubles v) const { store_narrow(p, part, narrow(v)); }
  /// Whole numbers.
  void store(int32_t* p, int part, Doubles v) const { store_narrow(p, part, __builtin_convertvector(v, Ints)); }
  int64_t place(int part) const { return first + part * kDoubles; }
  /// Those with a token in them; there is no harm in the others.
  int parts() const { return kWhole ? kParts : (count + kDoubles - 1) / kDoubles; }

 private:
  template <typename V, typename T>
  Doubles load_and_widen(const T* p, int part) const {
    if (!whole(part)) return lanes(part) > 0 ? widen(load_some(p + place(part), lanes(part))) : Doubles{};
    V v;
    __builtin_memcpy(&v, p + place(part), sizeof v);
    return widen(v);
  }
  template <typename V, typename T>
  void store_narrow(T* p, int part, V v) const {
    if (whole(part))
      __builtin_memcpy(p + place(part), &v, sizeof v);
    else if (lanes(part) > 0)
      store_some(p + place(part), v, lanes(part));
  }
  bool whole(int part) const { return kWhole || lanes(part) >= kDoubles; }
  int lanes(int part) const { return count - part * kDoubles; }
};

/// f(tokens) for the tokens [begin, end).
template <typename F>
inline void each16(int64_t begin, int64_t end, F f) {
  for (; begin + kTokens <= end; begin += kTokens) f(Tokens16<true>{begin, kTokens});
  if (begin < end) f(Tokens16<false>{begin, static_cast<int>(end - begin)});
}

/// The 16 sums of one quantity in pairs.
inline double sum_of_16(const double* sums) {
  double s[kTokens];
  __builtin_memcpy(s, sums, sizeof s);
  for (int n = kTokens / 2; n > 0; n /= 2)
    for (int i = 0; i < n; ++i) s[i] += s[i + n];
  return s[0];
}

/// Sums of N quantities over tokens.
template <int N>
class Sums16 {
 public:
  Sums16() = default;
  /// Goes on from s[N][16].
  explicit Sums16(const double* s) { __builtin_memcpy(s_, s, sizeof s_); }
  void save(double* s) const { __builtin_memcpy(s, s_, sizeof s_); }

  void add(int quantity, int part, Flags valid, Doubles v) { s_[quantity][part] += valid ? v : Doubles{}; }
  void count(int quantity, int part, Flags flags) { s_[quantity][part] += flags ? Doubles{} + 1.0 : Doubles{}; }
  double result(int quantity) const { return sum_of_16(reinterpret_cast<const double*>(s_[quantity])); }

 private:
  Doubles s_[N][kParts] = {};
};

}  // namespace
}  // namespace tppo::cpu
