// SPDX-License-Identifier: Apache-2.0
// The twins of native/cuda/ptx.cuh.
#pragma once

#include <cuda_runtime.h>

#include "../math/hd.h"

#define TPPO_SHARED(type, name) type* const name = reinterpret_cast<type*>(simt::current->block->shared)

namespace tppo::cuda {

/// As inexact as the instruction, by a fixed function of the argument: up to 2 units in the last place either way, exact at whole numbers,
/// subnormal numbers to 0. So no test passes only because the host's function is better than the device's.
inline float exp2_fast(float x) {
  const float y = exp2f(x);
  if (!(y >= 0x1p-126f)) return y != y ? y : 0.0f;
  if (x == rintf(x) || y > 0x1.fffff0p127f) return y;
  const uint32_t hash = __float_as_uint(x) * 2654435761u >> 16;
  return __uint_as_float(__float_as_uint(y) + hash % 5u - 2u);
}

inline float low_half(uint32_t word, math::bf16) { return math::to_float(math::bf16{static_cast<uint16_t>(word)}); }
inline float low_half(uint32_t word, math::f16) { return math::to_float(math::f16{static_cast<uint16_t>(word)}); }

template <typename T>
uint32_t max_halves(uint32_t a, uint32_t b) {
  const auto larger = [](uint32_t u, uint32_t v) {
    const float x = low_half(u, T{}), y = low_half(v, T{});
    return (x != x ? v : y != y || x > y ? u : v) & 0xffffu;
  };
  return larger(a, b) | larger(a >> 16, b >> 16) << 16;
}
inline uint32_t max_bf16x2(uint32_t a, uint32_t b) { return max_halves<math::bf16>(a, b); }
inline uint32_t max_f16x2(uint32_t a, uint32_t b) { return max_halves<math::f16>(a, b); }

inline void unpack_f16(uint32_t word, float& low, float& high) {
  low = low_half(word, math::f16{});
  high = low_half(word >> 16, math::f16{});
}
inline uint32_t pack_f16(float low, float high) { return math::to_f16(low).bits | static_cast<uint32_t>(math::to_f16(high).bits) << 16; }

inline uint32_t block_index() { return blockIdx.x; }
inline void forget(uint4&) {}

inline void after_previous_kernel() { simt::current->after_previous = true; }
inline void next_kernel_may_begin() {}

inline void copy_async(void* to_shared, const void* from, int bytes) { simt::async_copy(to_shared, from, bytes); }
inline void copy_async(void* to_shared, const void* from) { simt::async_copy(to_shared, from, 16); }
inline void copy_async_commit() { simt::async_commit(); }
template <int PENDING>
void copy_async_wait() {
  simt::async_wait(PENDING);
}

inline void cluster_arrive() { simt::cluster_arrive(); }
inline void cluster_wait() { simt::cluster_wait(); }

inline void cluster_store(float* local, float value, uint32_t rank) {
  *static_cast<float*>(simt::remote_shared(local, sizeof value, rank)) = value;
}

}  // namespace tppo::cuda
