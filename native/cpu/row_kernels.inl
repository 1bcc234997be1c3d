// SPDX-License-Identifier: Apache-2.0
// Body of the row kernels. The including file sets TPPO_VECTOR_BYTES (width of a register) and TPPO_ROW_KERNELS (the table's name), and is
// compiled for its instruction set.
#include "row_kernels.h"
#include "vector.inl"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = 2048;  // elements whose maximum is found before they are summed; they stay in L1
static_assert(kBlock % kStep == 0, "a block holds whole steps");

constexpr float kMinusInfinity = -__builtin_inff();

/// Sums so far, seen from a larger maximum.
TPPO_INLINE void raise_max(RowSums& r, float max, float scale) {
  if (!(max > r.max)) return;
  if (r.max > kMinusInfinity) {
    const double k = (static_cast<double>(r.max) - max) * scale;
    const double f = __builtin_exp2(k);
    r.t = f * (r.t + k * r.s);
    r.s *= f;
  }
  r.max = max;
}

/// One block of whole steps.
template <typename T>
TPPO_INLINE void sum_block(const T* x, int64_t n, float scale, RowSums& r) {
  F m[kGroup], v[kGroup];
  for (int k = 0; k < kGroup; ++k) m[k] = splat(kMinusInfinity);
  for (int64_t j = 0; j < n; j += kStep) {
    load_group(x + j, v);
    for (int k = 0; k < kGroup; ++k) m[k] = max(v[k], m[k]);  // a NaN is passed over here and shows in the sums
  }
  raise_max(r, max_of(max(max(m[0], m[1]), max(m[2], m[3]))), scale);

  // Against a maximum of -inf everything but NaN must still count as 0.
  const F reference = splat(r.max > kMinusInfinity ? r.max : 0.0f);
  const F c = splat(scale);
  F s[kGroup], t[kGroup];
  for (int k = 0; k < kGroup; ++k) s[k] = t[k] = F{};
  for (int64_t j = 0; j < n; j += kStep) {
    load_group(x + j, v);
    for (int k = 0; k < kGroup; ++k) {
      F d = (v[k] - reference) * c;
      const F e = exp2_clamped(d);
      s[k] += e;
      t[k] += e * d;
    }
  }
  r.s += sum_of((s[0] + s[1]) + (s[2] + s[3]));
  r.t += sum_of((t[0] + t[1]) + (t[2] + t[3]));
}

/// The last elements of a row, filled up to a whole step with -inf.
template <typename T>
struct Tail {
  T x[kStep];
};
TPPO_INLINE void fill(float& x) { x = kMinusInfinity; }
TPPO_INLINE void fill(math::bf16& x) { x.bits = 0xff80; }
TPPO_INLINE void fill(math::f16& x) { x.bits = 0xfc00; }

template <typename T>
TPPO_INLINE Tail<T> tail_of(const T* x, int64_t n) {
  Tail<T> tail;
  for (int64_t j = 0; j < kStep; ++j)
    if (j < n)
      tail.x[j] = x[j];
    else
      fill(tail.x[j]);
  return tail;
}

template <typename T>
RowSums row_sums(const void* row, int64_t n, float scale) {
  const T* const x = static_cast<const T*>(row);
  RowSums r{kMinusInfinity, 0.0, 0.0};
  const int64_t whole = n - n % kStep;
  for (int64_t b = 0; b < whole; b += kBlock) sum_block(x + b, whole - b < kBlock ? whole - b : kBlock, scale, r);
  if (whole < n) {
    const Tail<T> tail = tail_of(x + whole, n - whole);
    sum_block(tail.x, kStep, scale, r);
  }
  return r;
}

template <bool PerD, typename T>
TPPO_INLINE void gradient_step(const T* x, T* out, F max, F c, F per_d, F constant) {
  F v[kGroup];
  load_group(x, v);
  for (int k = 0; k < kGroup; ++k) {
    F d = (v[k] - max) * c;
    const F e = exp2_clamped(d);
    v[k] = e * (PerD ? per_d * d + constant : constant);
  }
  store_group(out, v);
}

template <bool PerD, typename T>
TPPO_INLINE void gradient(const T* x, T* out, int64_t n, float max, float scale, float per_d, float constant, const T* next) {
  const F m = splat(max), c = splat(scale), k1 = splat(per_d), k0 = splat(constant);
  const int64_t whole = n - n % kStep;
  for (int64_t j = 0; j < whole; j += kStep) {
    // Memory would idle on reads during this sweep: fetch the row that comes next into L2.
    if (next != nullptr)
      for (int64_t line = 0; line < kStep * static_cast<int64_t>(sizeof(T)); line += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(next + j) + line, 0, 2);
    gradient_step<PerD>(x + j, out + j, m, c, k1, k0);
  }
  if (whole < n) {
    const Tail<T> tail = tail_of(x + whole, n - whole);
    Tail<T> result;
    gradient_step<PerD>(tail.x, result.x, m, c, k1, k0);
    for (int64_t j = whole; j < n; ++j) out[j] = result.x[j - whole];
  }
}

template <typename T>
void gradient_row(const void* row, void* result, int64_t n, float max, float scale, float per_d, float constant, const void* next_row) {
  const T* const x = static_cast<const T*>(row);
  T* const out = static_cast<T*>(result);
  const T* const next = static_cast<const T*>(next_row);
  if (per_d != 0.0f)
    gradient<true>(x, out, n, max, scale, per_d, constant, next);
  else
    gradient<false>(x, out, n, max, scale, per_d, constant, next);
}

template <typename T>
void fill_row(void* row, int64_t n, float value) {
  T* const out = static_cast<T*>(row);
  T v;
  math::store(&v, value);
  for (int64_t j = 0; j < n; ++j) out[j] = v;
}

template <typename T>
constexpr RowKernelsOf kernels_of() {
  return RowKernelsOf{row_sums<T>, gradient_row<T>, fill_row<T>};
}

}  // namespace

const RowKernels TPPO_ROW_KERNELS = {{kernels_of<float>(), kernels_of<math::bf16>(), kernels_of<math::f16>()}};

}  // namespace tppo::cpu
