// SPDX-License-Identifier: Apache-2.0
// The sweeps over one row of logits, in which nearly all the time goes. One table per instruction set: row_kernels_*.cpp.
//
// The exponentials are computed once: the first sweep keeps them (in the gradient row itself, or in scratch that stays in L2), the second only
// scales them. It waits for the caches where the first waits for arithmetic, so it runs beside the first sweep over the row that comes next.
#pragma once

#include <cstdint>

#include "../math/hd.h"

namespace tppo::cpu {

/// With d_j = (x_j - max) * scale in units of log2, e_j = 2^d_j: s = sum e_j, t = sum e_j d_j, max = max x_j.
/// A NaN or +inf anywhere makes s NaN; a row of nothing but -inf has max -inf and s = 0.
struct RowSums {
  float max;
  double s, t;
  bool extreme;  // there are numbers so low among x that the distance to them must be limited: -inf, or below -1e30
};

/// Elements of a row that share the reference from which their exponentials are counted.
constexpr int64_t kRowBlock = 2048;
/// Whole and partial blocks of a row of n elements; the elements that fill no vector have one more reference.
inline int64_t row_blocks(int64_t n) { return (n + kRowBlock - 1) / kRowBlock; }
inline int64_t row_references(int64_t n) { return row_blocks(n) + 1; }

/// Room for the exponentials of a row of n elements where they do not lie in a float32 row: whole steps of the widest vectors.
inline int64_t row_exponentials(int64_t n) { return (n + 63) / 64 * 64; }

/// Stands for d = -inf where it is multiplied by 2^d = 0.
constexpr float kLowestExponent = -1000.0f;

/// What the second sweep needs: out_j = 2^d_j (per_d d_j + constant).
struct GradientCoefficients {
  const float* e;           // of the first sweep; may be the output row
  const float* references;  // of the first sweep
  float max, scale, per_d, constant;
  bool extreme;  // of the first sweep
};

/// A row whose second sweep is due. `out` may be x.
struct GradientRow {
  const void* x;  // read only where per_d is not 0
  void* out;
  GradientCoefficients coefficients;
};

/// The sweeps for one element type.
struct RowKernelsOf {
  RowSums (*sums)(const void* x, int64_t n, float scale);
  /// The same sums with the same bits; keeps 2^((x_j - reference) scale), up to a factor that `gradient` takes out, in e[row_exponentials(n)] and
  /// the references in references[row_references(n)]. e may be a float32 row of n elements, x itself too. `next` is the row that comes next, or
  /// NULL: it is fetched meanwhile. `behind`, a row of the same length or NULL, has its second sweep meanwhile; e and references may be those that
  /// it was kept in.
  RowSums (*exps)(const void* x, int64_t n, float scale, float* e, float* references, const void* next, const GradientRow* behind);
  void (*gradient)(const GradientRow& row, int64_t n);
  void (*fill)(void* out, int64_t n, float value);
};

struct RowKernels {
  RowKernelsOf of[3];  // by TPPO_F32, TPPO_BF16, TPPO_F16
};

extern const RowKernels row_kernels_portable;
#if defined(__x86_64__)
extern const RowKernels row_kernels_v3;
extern const RowKernels row_kernels_v4;
extern const RowKernels row_kernels_v4_bf16;
#elif defined(__aarch64__)
extern const RowKernels row_kernels_neon;
#endif

}  // namespace tppo::cpu
