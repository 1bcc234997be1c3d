// SPDX-License-Identifier: Apache-2.0
// What the scalar formulae need on host and device alike: the function qualifier, bfloat16, finiteness, clamping.
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

TPPO_HD void store(float* p, float x) { *p = x; }
TPPO_HD void store(bf16* p, float x) { *p = to_bf16(x); }

/// False for NaN and for both infinities.
template <typename T>
TPPO_HD bool finite(T x) {
  return x - x == T(0);
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
