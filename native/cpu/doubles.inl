// SPDX-License-Identifier: Apache-2.0
// Arithmetic in double over masked arrays of float, 16 tokens at a time for the instruction set that the including file is compiled for.
// Token i goes to sum i % 16, and the 16 sums are added in pairs, whatever the width of the vectors: every instruction set gives the same bits.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

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
constexpr int kSixteen = 16;
constexpr int kParts = kSixteen / kDoubles;

typedef double Doubles __attribute__((vector_size(kDoubles * 8)));
typedef float Floats __attribute__((vector_size(kDoubles * 4)));
typedef int64_t Flags __attribute__((vector_size(kDoubles * 8)));  // -1 or 0

// The compiler takes wide conversions apart, so those that are one instruction are spelled out.
#if defined(__AVX512F__)
inline Doubles widen(Floats v) { return _mm512_cvtps_pd(v); }
inline Floats narrow(Doubles v) { return _mm512_cvtpd_ps(v); }
inline Flags not_zero(const uint8_t* p) { return reinterpret_cast<Flags>(_mm512_cvtepu8_epi64(_mm_loadu_si64(p))) != 0; }
#elif defined(__AVX2__)
inline Doubles widen(Floats v) { return _mm256_cvtps_pd(v); }
inline Floats narrow(Doubles v) { return _mm256_cvtpd_ps(v); }
inline Flags not_zero(const uint8_t* p) { return reinterpret_cast<Flags>(_mm256_cvtepu8_epi64(_mm_loadu_si32(p))) != 0; }
#else
inline Doubles widen(Floats v) { return __builtin_convertvector(v, Doubles); }
inline Floats narrow(Doubles v) { return __builtin_convertvector(v, Floats); }
inline Flags not_zero(const uint8_t* p) { return -Flags{p[0] != 0, p[1] != 0}; }
#endif

/// 16 tokens, in kParts parts; or the `count` that are left, where kWhole is false. What is loaded for the others is 0, and not stored.
template <bool kWhole>
struct Tokens16 {
  int64_t first;
  int count;

  Doubles load(const double* p, int part) const {
    Doubles v{};
    copy(&v, p + place(part), part, sizeof(double));
    return v;
  }
  Doubles load(const float* p, int part) const {
    Floats v{};
    copy(&v, p + place(part), part, sizeof(float));
    return widen(v);
  }
  /// Those that exist and are not masked; `mask` may be NULL.
  Flags valid(const uint8_t* mask, int part) const {
    if (kWhole) return mask != nullptr ? not_zero(mask + place(part)) : Flags{} - 1;
    uint8_t m[kDoubles] = {};
    for (int k = 0; k < kDoubles; ++k) m[k] = k < lanes(part) && (mask == nullptr || mask[place(part) + k] != 0);
    return not_zero(m);
  }
  void store(float* p, int part, Doubles v) const {
    const Floats f = narrow(v);
    if (kWhole)
      __builtin_memcpy(p + place(part), &f, sizeof f);
    else
      __builtin_memcpy(p + place(part), &f, sizeof(float) * static_cast<size_t>(lanes(part)));
  }
  int64_t place(int part) const { return first + part * kDoubles; }

 private:
  int lanes(int part) const {
    const int left = count - part * kDoubles;
    return left < 0 ? 0 : left < kDoubles ? left : kDoubles;
  }
  template <typename V>
  void copy(V* to, const void* from, int part, size_t bytes) const {
    if (kWhole)
      __builtin_memcpy(to, from, sizeof *to);
    else
      __builtin_memcpy(to, from, bytes * static_cast<size_t>(lanes(part)));
  }
};

/// f(tokens) for the tokens [begin, end).
template <typename F>
inline void each16(int64_t begin, int64_t end, F f) {
  for (; begin + kSixteen <= end; begin += kSixteen) f(Tokens16<true>{begin, kSixteen});
  if (begin < end) f(Tokens16<false>{begin, static_cast<int>(end - begin)});
}

/// N sums over tokens.
template <int N>
class Sums16 {
 public:
  void add(int sum, int part, Flags valid, Doubles v) { s_[sum][part] += valid ? v : Doubles{}; }
  void count(int sum, int part, Flags flags) { s_[sum][part] += flags ? Doubles{} + 1.0 : Doubles{}; }
  double result(int sum) const {
    double s[kSixteen];
    __builtin_memcpy(s, s_[sum], sizeof s);
    for (int n = kSixteen / 2; n > 0; n /= 2)
      for (int i = 0; i < n; ++i) s[i] += s[i + n];
    return s[0];
  }

 private:
  Doubles s_[N][kParts] = {};
};

}  // namespace
}  // namespace tppo::cpu
