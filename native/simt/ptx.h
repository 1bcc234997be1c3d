// SPDX-License-Identifier: Apache-2.0
// The twins of native/cuda/ptx.cuh.
#pragma once

#include <cuda_runtime.h>

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

inline uint32_t cluster_rank() { return simt::current->block->rank; }

inline void cluster_sync() {
  simt::cluster_arrive();
  simt::cluster_wait();
}

inline void cluster_store(float* local, float value, uint32_t rank) {
  *static_cast<float*>(simt::remote_shared(local, sizeof value, rank)) = value;
}

}  // namespace tppo::cuda
