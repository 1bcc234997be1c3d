// SPDX-License-Identifier: Apache-2.0
// What a kernel may call: its place in the grid, barriers, warp functions, single instructions.
#pragma once

#include "thread.h"

// Set by the scheduler before a thread goes on.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

inline void __syncthreads() { simt::block_barrier(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { simt::warp_exchange(simt::WarpFunction::kSync, mask, 0, simt::current->lane); }

namespace simt {
template <typename T>
T shuffle(WarpFunction function, unsigned mask, T value, int source) {
  static_assert(std::is_arithmetic<T>::value && (sizeof(T) == 4 || sizeof(T) == 8), "a type that CUDA can shuffle");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  // Lanes beyond the warp's end: the caller's own value.
  bits = warp_exchange(function, mask, bits, source < 0 || source > 31 ? current->lane : source);
  memcpy(&value, &bits, sizeof value);
  return value;
}
}  // namespace simt

template <typename T>
T __shfl_sync(unsigned mask, T value, int source) {
  return simt::shuffle(simt::WarpFunction::kShuffle, mask, value, source & 31);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
  return simt::shuffle(simt::WarpFunction::kShuffleXor, mask, value, simt::current->lane ^ bits);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance) {
  return simt::shuffle(simt::WarpFunction::kShuffleDown, mask, value, simt::current->lane + static_cast<int>(distance));
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance) {
  return simt::shuffle(simt::WarpFunction::kShuffleUp, mask, value, simt::current->lane - static_cast<int>(distance));
}
inline unsigned __ballot_sync(unsigned mask, bool predicate) {
  return static_cast<unsigned>(simt::warp_exchange(simt::WarpFunction::kBallot, mask, predicate, simt::current->lane));
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned bits) {
  return static_cast<unsigned>(((static_cast<uint64_t>(high) << 32) | low) >> (bits & 31u));
}
inline float __uint_as_float(unsigned x) {
  float f;
  memcpy(&f, &x, sizeof f);
  return f;
}
inline unsigned __float_as_uint(float f) {
  unsigned x;
  memcpy(&x, &f, sizeof x);
  return x;
}
inline float __fmul_rn(float a, float b) { return a * b; }

template <typename T>
T __ldca(const T* p) {
  return *p;
}
template <typename T>
T __ldcs(const T* p) {
  return *p;
}
template <typename T>
void __stcs(T* p, T value) {
  *p = value;
}
