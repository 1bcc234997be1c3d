// SPDX-License-Identifier: Apache-2.0
// Body of the row kernels in GCC vector types. The including file sets TPPO_VECTOR_BYTES (width of a register) and TPPO_ROW_KERNELS (the
// table's name), and is compiled for its instruction set. Everything here has internal linkage: an inline function shared with another
// file could be linked in its AVX-512 form and run on a CPU without it.
#include "row_kernels.h"

namespace tppo::cpu {
namespace {

constexpr int kLanes = TPPO_VECTOR_BYTES / 4;
constexpr int kUnroll = 4;                  // vectors per step: enough independent chains to hide the latency of the polynomial
constexpr int64_t kStep = kLanes * kUnroll;
constexpr int64_t kBlock = 2048;            // elements whose maximum is found before they are summed; they stay in L1
static_assert(kBlock % kStep == 0, "a block holds whole steps");

typedef float F __attribute__((vector_size(TPPO_VECTOR_BYTES)));
typedef int32_t I __attribute__((vector_size(TPPO_VECTOR_BYTES)));
typedef uint32_t U __attribute__((vector_size(TPPO_VECTOR_BYTES)));
typedef uint16_t H __attribute__((vector_size(TPPO_VECTOR_BYTES / 2)));

#define TPPO_INLINE static inline __attribute__((always_inline))

TPPO_INLINE F splat(float x) { return F{} + x; }

TPPO_INLINE F load(const float* p) {
  F v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

TPPO_INLINE F load(const math::bf16* p) {
  H h;
  __builtin_memcpy(&h, p, sizeof h);
  const U u = __builtin_convertvector(h, U) << 16;
  F v;
  __builtin_memcpy(&v, &u, sizeof v);
  return v;
}

TPPO_INLINE void put(float* p, F v) { __builtin_memcpy(p, &v, sizeof v); }

/// Rounds to nearest even; NaN does not occur (rows with NaN take another path).
TPPO_INLINE void put(math::bf16* p, F v) {
  U u;
  __builtin_memcpy(&u, &v, sizeof u);
  const H h = __builtin_convertvector((u + 0x7fffu + ((u >> 16) & 1u)) >> 16, H);
  __builtin_memcpy(p, &h, sizeof h);
}

/// 2^t for t <= 0, exactly 0 for t <= -127, NaN for NaN. `t` is clamped to -127 on the way out, so that 0 * t is 0 and not NaN.
/// Relative error 1e-7: minimax polynomial of degree 5 on [-1/2, 1/2] with 2^0 exactly 1, so that a certain token has log-prob exactly 0.
TPPO_INLINE F exp2_clamped(F& t) {
  const F low = splat(-127.0f);
  t = low > t ? low : t;
  // Adding 1.5 * 2^23 leaves round(t) in the low bits of the sum; with 127 added these are the biased exponent.
  const F magic = splat(12582912.0f + 127.0f);
  const F shifted = t + magic;
  const F f = t - (shifted - magic);
  F p = splat(0.00132647273f);
  p = p * f + 0.00967151299f;
  p = p * f + 0.0555073358f;
  p = p * f + 0.240222424f;
  p = p * f + 0.693147004f;
  p = p * f + 1.0f;
  I bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  bits <<= 23;
  F power;
  __builtin_memcpy(&power, &bits, sizeof power);
  return p * power;  // a product, so that NaN in p stays NaN whatever the exponent bits are
}

TPPO_INLINE float max_of(F v) {
  float m = v[0];
  for (int i = 1; i < kLanes; ++i) m = v[i] > m ? v[i] : m;
  return m;
}

TPPO_INLINE double sum_of(F v) {
  double s = 0.0;
  for (int i = 0; i < kLanes; ++i) s += v[i];
  return s;
}

/// Sums so far, seen from a larger maximum.
TPPO_INLINE void raise_max(RowSums& r, float max, float scale) {
  if (!(max > r.max)) return;
  if (r.max > -__builtin_inff()) {
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
  F m[kUnroll];
  for (int k = 0; k < kUnroll; ++k) m[k] = splat(-__builtin_inff());
  for (int64_t j = 0; j < n; j += kStep)
    for (int k = 0; k < kUnroll; ++k) {
      const F v = load(x + j + k * kLanes);
      m[k] = v > m[k] ? v : m[k];
    }
  for (int k = 1; k < kUnroll; ++k) m[0] = m[k] > m[0] ? m[k] : m[0];
  raise_max(r, max_of(m[0]), scale);

  // Against a maximum of -inf everything but NaN must still count as 0.
  const F max = splat(r.max > -__builtin_inff() ? r.max : 0.0f);
  const F c = splat(scale);
  F s[kUnroll], t[kUnroll];
  for (int k = 0; k < kUnroll; ++k) s[k] = t[k] = F{};
  for (int64_t j = 0; j < n; j += kStep)
    for (int k = 0; k < kUnroll; ++k) {
      F d = (load(x + j + k * kLanes) - max) * c;
      const F e = exp2_clamped(d);
      s[k] += e;
      t[k] += e * d;
    }
  r.s += sum_of((s[0] + s[1]) + (s[2] + s[3]));
  r.t += sum_of((t[0] + t[1]) + (t[2] + t[3]));
}

/// The last elements of a row, filled up to a whole step with -inf.
template <typename T>
struct Tail {
  T x[kStep];
};
TPPO_INLINE void fill(float& x) { x = -__builtin_inff(); }
TPPO_INLINE void fill(math::bf16& x) { x.bits = 0xff80; }

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
TPPO_INLINE RowSums sums(const T* x, int64_t n, float scale) {
  RowSums r{-__builtin_inff(), 0.0, 0.0};
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
  F v[kUnroll];
  for (int k = 0; k < kUnroll; ++k) {
    F d = (load(x + k * kLanes) - max) * c;
    const F e = exp2_clamped(d);
    v[k] = e * (PerD ? per_d * d + constant : constant);
  }
  for (int k = 0; k < kUnroll; ++k) put(out + k * kLanes, v[k]);
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
void gradient_row(const T* x, T* out, int64_t n, float max, float scale, float per_d, float constant, const T* next) {
  if (per_d != 0.0f)
    gradient<true>(x, out, n, max, scale, per_d, constant, next);
  else
    gradient<false>(x, out, n, max, scale, per_d, constant, next);
}

template <typename T>
RowSums row_sums(const T* x, int64_t n, float scale) {
  return sums(x, n, scale);
}

}  // namespace

const RowKernels TPPO_ROW_KERNELS = {row_sums<float>, row_sums<math::bf16>, gradient_row<float>, gradient_row<math::bf16>};

}  // namespace tppo::cpu
