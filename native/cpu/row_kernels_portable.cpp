// SPDX-License-Identifier: Apache-2.0
// The row kernels as plain loops in double, for any processor: what the others are compared with.
#include <cmath>

#include "row_kernels.h"

namespace tppo::cpu {
namespace {

template <typename T>
RowSums row_sums(const void* row, int64_t n, float scale) {
  const T* const x = static_cast<const T*>(row);
  RowSums r{-INFINITY, 0.0, 0.0, false};  // its own gradient limits every distance
  for (int64_t j = 0; j < n; ++j) r.max = math::to_float(x[j]) > r.max ? math::to_float(x[j]) : r.max;
  // Against a maximum of -inf everything but NaN must still count as 0.
  const double from = r.max > -INFINITY ? r.max : 0.0;
  for (int64_t j = 0; j < n; ++j) {
    const double d = (math::to_float(x[j]) - from) * scale;
    const double e = std::exp2(d);
    r.s += e;
    if (e > 0.0) r.t += e * d;
  }
  // Spelled out, since NaN is passed over where e is compared with 0.
  if (math::is_nan(r.s)) r.t = r.s;
  return r;
}

template <typename T>
void row_gradient(const GradientRow& row, int64_t n) {
  const T* const x = static_cast<const T*>(row.x);
  T* const out = static_cast<T*>(row.out);
  const GradientCoefficients& c = row.coefficients;
  for (int64_t j = 0; j < n; ++j) {
    double weight = c.constant;
    if (c.per_d != 0.0f && c.e[j] > 0.0f) weight += static_cast<double>(c.per_d) * ((static_cast<double>(math::to_float(x[j])) - c.max) * c.scale);
    math::store(out + j, static_cast<float>(c.e[j] * weight));
  }
}

/// Every element counts from the same maximum, and its exponential is computed again where it is wanted.
template <typename T>
RowSums row_exps(const void* row, int64_t n, float scale, float* e, float* references, const void*, const GradientRow* behind) {
  if (behind != nullptr) row_gradient<T>(*behind, n);
  const RowSums r = row_sums<T>(row, n, scale);
  const T* const x = static_cast<const T*>(row);
  const double from = r.max > -INFINITY ? r.max : 0.0;
  for (int64_t j = 0; j < n; ++j) e[j] = static_cast<float>(std::exp2((math::to_float(x[j]) - from) * scale));
  for (int64_t b = 0; b < row_references(n); ++b) references[b] = static_cast<float>(from);
  return r;
}

template <typename T>
void row_fill(void* row, int64_t n, float value) {
  for (int64_t j = 0; j < n; ++j) math::store(static_cast<T*>(row) + j, value);
}

template <typename T>
constexpr RowKernelsOf kernels_of() {
  return RowKernelsOf{row_sums<T>, row_exps<T>, row_gradient<T>, row_fill<T>};
}

}  // namespace

const RowKernels row_kernels_portable = {{kernels_of<float>(), kernels_of<math::bf16>(), kernels_of<math::f16>()}};

}  // namespace tppo::cpu
