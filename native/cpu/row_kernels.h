// SPDX-License-Identifier: Apache-2.0
// The sweeps over one row of logits, in which nearly all the time goes. Compiled once per instruction set from row_kernels.inl.
#pragma once

#include <cstdint>

#include "../math/hd.h"

namespace tppo::cpu {

/// With d_j = (x_j - max) * scale in units of log2, e_j = 2^d_j: s = sum e_j, t = sum e_j d_j, max = max x_j.
/// A NaN or +inf anywhere makes s NaN; a row of nothing but -inf has max -inf and s = 0.
struct RowSums {
  float max;
  double s, t;
};

/// The sweeps for one element type.
struct RowKernelsOf {
  RowSums (*sums)(const void* x, int64_t n, float scale);
  /// out_j = e_j (per_d d_j + constant); out may be x. `next` is a row that will be read soon, or NULL.
  void (*gradient)(const void* x, void* out, int64_t n, float max, float scale, float per_d, float constant, const void* next);
  void (*fill)(void* out, int64_t n, float value);
};

struct RowKernels {
  RowKernelsOf of[3];  // by TPPO_F32, TPPO_BF16, TPPO_F16
};

extern const RowKernels row_kernels_portable;
#if defined(__x86_64__)
extern const RowKernels row_kernels_v3;
extern const RowKernels row_kernels_v4;
#endif

}  // namespace tppo::cpu
