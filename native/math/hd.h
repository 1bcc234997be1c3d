// SPDX-License-Identifier: Apache-2.0
// What the scalar formulae need on host and device alike: the function qualifier, bfloat16, float16, finiteness, clamping.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__CUDACC__)
#define TPPO_HD __host__ __device__ __forceinline__
#else
#define TPPO_HD inline
#endif

namespace tppo::math {

/// Bits of a bfloat16 number: the upper half of a float.
struct bf16 {
  uint16_t bits;
};

/// Bits of an IEEE binary16 number.
struct f16 {
  uint16_t bits;
};

TPPO_HD float to_float(float x) { return x; }

TPPO_HD float to_float(bf16 x) {
  const uint32_t u = static_cast<uint32_t>(x.bits) << 16;
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

/// Rounds to nearest even; NaN stays a (quiet) NaN.
TPPO_HD bf16 to_bf16(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  if ((u & 0x7fffffffu) > 0x7f800000u) return bf16{static_cast<uint16_t>((u >> 16) | 0x40u)};
  return bf16{static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

TPPO_HD float bits_to_float(uint32_t u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

/// The exponent is moved by a product, which also makes subnormal numbers right.
TPPO_HD float to_float(f16 x) {
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000u) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(x.bits & 0x7fffu) << 13;
  if (magnitude >= 0x0f800000u) return bits_to_float(sign | 0x7f800000u | (magnitude & 0x007fffffu));  // infinities and NaN
  return bits_to_float(sign | magnitude) * bits_to_float(0x77800000u);                                  // times 2^112
}

/// Rounds to nearest even, beyond 65519 to infinity; NaN stays a (quiet) NaN.
TPPO_HD f16 to_f16(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  const uint32_t sign = (u >> 16) & 0x8000u;
  u &= 0x7fffffffu;
  if (u > 0x7f800000u) return f16{static_cast<uint16_t>(sign | 0x7e00u | ((u >> 13) & 0x3ffu))};
  if (u >= 0x477ff000u) return f16{static_cast<uint16_t>(sign | 0x7c00u)};
  if (u < 0x38800000u) {
    // Subnormal: adding 2^-1 * 2^-1 leaves the rounded multiple of 2^-24 in the low bits of the sum.
    const float sum = bits_to_float(u) + 0.5f;
    uint32_t rounded;
    memcpy(&rounded, &sum, sizeof rounded);
    return f16{static_cast<uint16_t>(sign | (rounded - 0x3f000000u))};
  }
  return f16{static_cast<uint16_t>(sign | ((u - 0x38000000u + 0xfffu + ((u >> 13) & 1u)) >> 13))};
}

TPPO_HD void store(float* p, float x) { *p = x; }
TPPO_HD void store(bf16* p, float x) { *p = to_bf16(x); }
TPPO_HD void store(f16* p, float x) { *p = to_f16(x); }

/// False for NaN and for both infinities. T: a number, or on the CPU a vector of numbers.
template <typename T>
TPPO_HD auto finite(T x) {
  return x - x == T{};
}

template <typename T>
TPPO_HD bool is_nan(T x) {
  return x != x;
}

/// Clamp that lets NaN through, which fmin and fmax would not.
template <typename T>
TPPO_HD T clamp(T x, T low, T high) {
  return x < low ? low : (x > high ? high : x);
}

}  // namespace tppo::math
