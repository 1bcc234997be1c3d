// SPDX-License-Identifier: Apache-2.0
// Stands in for CUDA's header of this name: pairs of float16.
#pragma once

#include <cuda_runtime.h>

#include "../math/hd.h"

struct alignas(4) __half2 {
  uint16_t x, y;
};

inline __half2 __floats2half2_rn(float x, float y) { return {tppo::math::to_f16(x).bits, tppo::math::to_f16(y).bits}; }
inline float2 __half22float2(__half2 h) { return {tppo::math::to_float(tppo::math::f16{h.x}), tppo::math::to_float(tppo::math::f16{h.y})}; }
