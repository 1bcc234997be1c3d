// SPDX-License-Identifier: Apache-2.0
// Stands in for CUDA's header of this name: pairs of bfloat16.
#pragma once

#include "../math/hd.h"

struct alignas(4) __nv_bfloat162 {
  uint16_t x, y;
};

inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {tppo::math::to_bf16(x).bits, tppo::math::to_bf16(y).bits}; }
