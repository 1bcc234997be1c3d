// SPDX-License-Identifier: Apache-2.0
// Body of the row kernels. The including file sets TPPO_ROW_KERNELS (the table's name) and is compiled for its instruction set.
#include "block_max.inl"
#include "row_kernels.h"
#include "vector.inl"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = kRowBlock;  // elements whose maximum is found before they are summed; they stay in L1
static_assert(kBlock % kStep == 0, "a block holds whole steps");

/// Vectors that the sweeps handle together, and their elements. Measured: with AVX-512 two take as long as four, and 4 % less for the gradient of
/// the entropy of float32; with AVX2 four take a quarter less than two for 16-bit elements.
constexpr int kTogether = kLanes == 16 ? 2 : kGroup;
constexpr int64_t kStride = kTogether * kLanes;
static_assert(kStep % kStride == 0, "a step is taken in whole strides");

/// Degree of the polynomial: beside the rounding of 16-bit logits' gradients the error of degree 4 does not show.
template <typename T>
constexpr int degree() {
  return sizeof(T) == 4 ? 5 : 4;
}

/// Whether the exponents are x scale - origin, one operation, where the origin is reference scale rounded to float. That shifts all exponents of a
/// reference alike, by a known amount; sums and gradients make up for it. They are (x - reference) scale where rounding the origin would move them by
/// more than 1/8, and for float32 by more than 2^-15: the small entropy of a nearly certain row would be lost beside it.
template <typename T>
TPPO_INLINE bool has_origin(float reference, float scale) {
  return __builtin_fabsf(reference * scale) < (sizeof(T) == 4 ? 0x1p10f : 0x1p22f);
}

/// By how much the exponents of a reference are too large.
template <typename T>
TPPO_INLINE double rounding_of_origin(float reference, float scale) {
  if (!has_origin<T>(reference, scale)) return 0.0;
  return static_cast<double>(reference) * scale - reference * scale;
}

/// The sums of a whole row, whose exponents are too large by `rounding`, with the right ones. They are divided by the exponential that the maximum
/// was given, so that it contributes 1, and a certain token has the log-probability 0 and the entropy 0.
template <typename T>
TPPO_INLINE void take_out_rounding(RowSums& r, float rounding) {
  const F t[] = {splat(rounding)};
  F e[1];
  exp2_of<degree<T>()>(t, e);
  r.s /= e[0][0];
  // The product rounded as the maximum's was.
  r.t = (r.t - e[0][0] * rounding * r.s) / e[0][0];
}

/// Sums so far, seen from a larger maximum.
template <typename T>
TPPO_INLINE void raise_max(RowSums& r, float max, float scale) {
  if (!(max > r.max)) return;
  if (r.max > kMinusInfinity) {
    const double k = (static_cast<double>(r.max) - max) * scale - rounding_of_origin<T>(r.max, scale) + rounding_of_origin<T>(max, scale);
    const double f = __builtin_exp2(k);
    r.t = f * (r.t + k * r.s);
    r.s *= f;
  }
  r.max = max;
}

/// The last elements of a row, filled up to a whole step with -inf.
template <typename T>
struct Tail {
  T x[kStep];
};
template <typename T>
TPPO_INLINE Tail<T> tail_of(const T* x, int64_t n) {
  Tail<T> tail;
  for (int64_t j = 0; j < kStep; ++j) tail.x[j] = j < n ? x[j] : Bits<T>::kMinusInf;
  return tail;
}

/// Exponentials of a tail that are stored: those of 16-bit elements lie in load_group's order, all over the step.
template <typename T>
constexpr int64_t kept_tail(int64_t elements) {
  return sizeof(T) == 4 ? elements : kStep;
}

/// What the second sweep does beside scaling the exponentials: nothing, add per_d d, or add it with d limited.
enum class PerD { kNone, kPlain, kExtreme };

/// Which of them a row needs. Unlimited, per_d d must stay finite where the exponential is 0. kPlain counts d from 0 instead of from the maximum, in a
/// constant that loses per_d max / 2^24 by it: nothing beside the rounding of the results where that is no larger than the rounding of what the
/// constant says of the maximum, or for 16-bit elements 2^13 times smaller than it. In a row that is nearly certain it is not.
template <typename T>
TPPO_INLINE PerD per_d_of(const GradientCoefficients& c) {
  if (c.per_d == 0.0f) return PerD::kNone;
  const float per_x = __builtin_fabsf(c.per_d * c.scale), max = __builtin_fabsf(c.max);
  const bool finite = !c.extreme && max < -kLowest && per_x < 1e6f;  // 1e6 2e30
  const bool plain = finite && per_x * max <= (sizeof(T) == 4 ? 1.0f : 0x1p11f) * __builtin_fabsf(c.constant);
  return plain ? PerD::kPlain : PerD::kExtreme;
}

/// The second sweep over a row, block by block in steps: by itself, or beside the first sweep over the row that comes next.
template <PerD kPerD, typename T>
class GradientSweep {
 public:
  TPPO_INLINE_MEMBER GradientSweep(const GradientRow& row, int64_t n)
      : x_(static_cast<const T*>(row.x)), c_(row.coefficients), out_(static_cast<T*>(row.out)), n_(n), max_(splat(c_.max)),
        lowest_(splat(kLowestExponent / c_.scale)), per_x_(splat(0.0f)), constant_(splat(0.0f)) {}

  /// To be called at the start of each block.
  TPPO_INLINE_MEMBER void begin(int64_t block) {
    const float reference = c_.references[block];
    if (reference == reference_) return;
    reference_ = reference;
    const float k = __builtin_exp2f((reference - c_.max) * c_.scale - static_cast<float>(rounding_of_origin<T>(reference, c_.scale)));
    const float per_x = k * c_.per_d * c_.scale;
    per_x_ = splat(per_x);
    constant_ = splat(kPerD == PerD::kPlain ? static_cast<float>(static_cast<double>(k) * c_.constant - static_cast<double>(per_x) * c_.max) : k * c_.constant);
  }
  TPPO_INLINE_MEMBER void take(int64_t j) const { take(x_ + j, c_.e + j, out_ + j); }
  /// The last elements, which fill no step.
  TPPO_INLINE_MEMBER void tail() {
    const int64_t whole = n_ - n_ % kStep;
    if (whole == n_) return;
    begin(row_blocks(n_));
    const Tail<T> x = kPerD != PerD::kNone ? tail_of(x_ + whole, n_ - whole) : Tail<T>{};
    const Tail<float> e = tail_of(c_.e + whole, kept_tail<T>(n_ - whole));
    Tail<T> result;
    for (int64_t j = 0; j < kStep; j += kStride) take(x.x + j, e.x + j, result.x + j);
    for (int64_t j = whole; j < n_; ++j) out_[j] = result.x[j - whole];
  }

 private:
  TPPO_INLINE_MEMBER void take(const T* x, const float* e, T* out) const {
    F v[kTogether], weight[kTogether];
    if (kPerD != PerD::kNone) load_group(x, v);
    load_group(e, weight);
    for (int k = 0; k < kTogether; ++k) {
      F factor = constant_;
      if (kPerD == PerD::kPlain) factor = fma(per_x_, v[k], constant_);
      if (kPerD == PerD::kExtreme) factor = fma(per_x_, max(lowest_, v[k] - max_), constant_);
      v[k] = weight[k] * factor;
    }
    store_group(out, v);
  }

  const T* const x_;
  const GradientCoefficients& c_;
  T* const out_;
  const int64_t n_;
  const F max_, lowest_;
  float reference_ = __builtin_nanf("");  // that per_x_ and constant_ are for; few blocks have one of their own
  F per_x_, constant_;
};

/// Where there is no such row.
struct NoSweep {
  TPPO_INLINE_MEMBER void begin(int64_t) {}
  TPPO_INLINE_MEMBER void take(int64_t) const {}
  TPPO_INLINE_MEMBER void tail() {}
};

/// Fetches from memory what a stride at x holds.
template <typename T>
TPPO_INLINE void fetch_stride(const T* x) {
  for (int64_t line = 0; line < kStride * static_cast<int64_t>(sizeof(T)); line += 64) __builtin_prefetch(reinterpret_cast<const char*>(x) + line, 0, 2);
}

/// What the first sweep does beside its sums where it keeps the exponentials of the row.
template <typename T, typename Sweep>
class Keeping {
 public:
  TPPO_INLINE_MEMBER Keeping(float* e, float* references, const void* next, const Sweep& behind)
      : e_(e), references_(references), next_(static_cast<const T*>(next)), behind_(behind) {}

  /// `reference`: the number from which the exponentials of the block are counted; -inf: it holds nothing but zeros.
  TPPO_INLINE_MEMBER void begin(int64_t block, float reference) {
    behind_.begin(block);
    references_[block] = reference;
  }
  TPPO_INLINE_MEMBER void take(int64_t j, const F (&e)[kTogether]) const {
    behind_.take(j);
    store_group(e_ + j, e);
    // So that memory does not idle while all that is worked on lies in the caches.
    if (next_ != nullptr) fetch_stride(next_ + j);
  }
  /// The last n elements, from j on, which fill no step.
  TPPO_INLINE_MEMBER void tail(int64_t j, int64_t n, const float* e, float reference) {
    behind_.tail();
    for (int64_t k = 0; k < kept_tail<T>(n); ++k) e_[j + k] = e[k];
    references_[row_blocks(j + n)] = reference;
  }

 private:
  float* const e_;
  float* const references_;
  const T* const next_;
  Sweep behind_;
};

/// Where it keeps nothing. Then it waits for memory, so rows are fetched kAhead elements before; measured.
template <typename T>
class KeepingNothing {
 public:
  TPPO_INLINE_MEMBER explicit KeepingNothing(const T* x) : x_(x) {}

  TPPO_INLINE_MEMBER void begin(int64_t, float) {}
  TPPO_INLINE_MEMBER void take(int64_t j, const F (&)[kTogether]) const { fetch_stride(x_ + j + kAhead); }
  TPPO_INLINE_MEMBER void tail(int64_t, int64_t, const float*, float) {}

 private:
  static constexpr int64_t kAhead = 16384 / sizeof(T);
  const T* const x_;
};

/// Where it works on a row's tail.
struct KeepingTail {
  float e[kStep];
  float reference;
  TPPO_INLINE_MEMBER void begin(int64_t, float from) { reference = from; }
  TPPO_INLINE_MEMBER void take(int64_t j, const F (&exps)[kTogether]) { store_group(e + j, exps); }
};

/// Adds the whole steps [begin, end) of a row to its sums, seen from `reference`. With kAhead it takes as many elements from `end` on into
/// `scan`: integer work that fits between the sums.
template <bool kOrigin, bool kExtremes, bool kAhead, typename T, typename Beside>
TPPO_INLINE void sum_block(const T* x, int64_t begin, int64_t end, float reference, float scale, MaxScan<T>& scan, Beside& beside, RowSums& r) {
  const F from = splat(kOrigin ? -(reference * scale) : reference), c = splat(scale);
  // Two chains are enough, and leave registers for the group.
  F s[2], t[2];
  for (int k = 0; k < 2; ++k) s[k] = t[k] = splat(0.0f);
  for (int64_t j = begin; j < end; j += kStride) {
    F v[kTogether], d[kTogether], e[kTogether];
    load_group(x + j, v);
    for (int k = 0; k < kTogether; ++k) d[k] = kOrigin ? fma(v[k], c, from) : (v[k] - from) * c;
    if (kExtremes)
      for (int k = 0; k < kTogether; ++k) d[k] = max(splat(kLowestExponent), d[k]);
    exp2_of<degree<T>()>(d, e);
    for (int k = 0; k < kTogether; ++k) {
      s[k % 2] += e[k];
      t[k % 2] = fma(e[k], d[k], t[k % 2]);
    }
    if (kAhead) scan.template take<kStride>(x + (end - begin) + j);
    beside.take(j, e);
  }
  r.s += sum_of(s[0] + s[1]);
  r.t += sum_of(t[0] + t[1]);
}

/// A block whose maximum is known; returns that of the block after it when kAhead says that there is a whole one.
template <bool kAhead, typename T, typename Beside>
TPPO_INLINE BlockMax add_block(const T* x, int64_t begin, int64_t end, BlockMax block, float scale, Beside& beside, RowSums& r) {
  raise_max<T>(r, block.max, scale);
  // Against a maximum of -inf everything but NaN must still count as 0.
  const float reference = r.max > kMinusInfinity ? r.max : 0.0f;
  beside.begin(begin / kBlock, r.max);
  MaxScan<T> scan;
  // Also where the distance from a large maximum would overflow.
  const bool extreme = block.extreme || !((reference - kLowest) * scale < 1e38f);
  r.extreme |= block.extreme;
  if (!has_origin<T>(reference, scale))
    sum_block<false, true, kAhead>(x, begin, end, reference, scale, scan, beside, r);
  else if (extreme)
    sum_block<true, true, kAhead>(x, begin, end, reference, scale, scan, beside, r);
  else
    sum_block<true, false, kAhead>(x, begin, end, reference, scale, scan, beside, r);
  return kAhead ? scan.result(x + end, end - begin) : BlockMax{};
}

/// The first sweep: whole blocks, then whole steps, then the tail.
template <typename T, typename Beside>
TPPO_INLINE RowSums sums(const T* x, int64_t n, float scale, Beside beside) {
  RowSums r{kMinusInfinity, 0.0, 0.0, false};
  int64_t j = 0;
  const int64_t blocks = n / kBlock;
  BlockMax block{};
  if (blocks > 0) block = block_max(x, kBlock);
  for (; j < (blocks - 1) * kBlock; j += kBlock) block = add_block<true>(x, j, j + kBlock, block, scale, beside, r);
  if (blocks > 0) {
    add_block<false>(x, j, j + kBlock, block, scale, beside, r);
    j += kBlock;
  }
  const int64_t steps = (n - j) / kStep * kStep;
  if (steps > 0) add_block<false>(x, j, j + steps, block_max(x + j, steps), scale, beside, r);
  j += steps;
  if (j < n) {
    const Tail<T> tail = tail_of(x + j, n - j);
    bool extreme = r.extreme;  // without what fills the tail up
    for (int64_t k = j; k < n; ++k) extreme |= !(math::to_float(x[k]) > kLowest);
    KeepingTail kept;
    add_block<false>(tail.x, 0, kStep, block_max(tail.x, kStep), scale, kept, r);
    r.extreme = extreme;
    beside.tail(j, n - j, kept.e, kept.reference);
  }
  take_out_rounding<T>(r, static_cast<float>(rounding_of_origin<T>(r.max, scale)));
  return r;
}

template <typename T>
RowSums row_sums(const void* x, int64_t n, float scale) {
  return sums(static_cast<const T*>(x), n, scale, KeepingNothing<T>(static_cast<const T*>(x)));
}

template <typename T, typename Sweep>
TPPO_INLINE RowSums exps(const void* x, int64_t n, float scale, float* e, float* references, const void* next, const Sweep& behind) {
  return sums(static_cast<const T*>(x), n, scale, Keeping<T, Sweep>(e, references, next, behind));
}

/// f(sweep) with the second sweep that a row needs.
template <typename T, typename F>
TPPO_INLINE auto with_sweep(const GradientRow& row, int64_t n, F f) {
  switch (per_d_of<T>(row.coefficients)) {
    case PerD::kNone: return f(GradientSweep<PerD::kNone, T>(row, n));
    case PerD::kPlain: return f(GradientSweep<PerD::kPlain, T>(row, n));
    default: return f(GradientSweep<PerD::kExtreme, T>(row, n));
  }
}

template <typename T>
void row_gradient(const GradientRow& row, int64_t n) {
  with_sweep<T>(row, n, [n](auto sweep) {
    const int64_t whole = n - n % kStep;
    for (int64_t b = 0; b < whole; b += kBlock) {
      sweep.begin(b / kBlock);
      const int64_t end = b + kBlock < whole ? b + kBlock : whole;
      for (int64_t j = b; j < end; j += kStride) sweep.take(j);
    }
    sweep.tail();
  });
}

/// Whether the registers suffice for both sweeps: with 16 of them those of 16-bit rows take longer beside each other than one after another.
template <typename T>
constexpr bool kFitBeside = kLanes != 8 || sizeof(T) == 4;

template <typename T>
RowSums row_exps(const void* x, int64_t n, float scale, float* e, float* references, const void* next, const GradientRow* behind) {
  if (behind != nullptr && !kFitBeside<T>) {
    row_gradient<T>(*behind, n);
    behind = nullptr;
  }
  if (behind == nullptr) return exps<T>(x, n, scale, e, references, next, NoSweep{});
  return with_sweep<T>(*behind, n, [&](const auto& sweep) { return exps<T>(x, n, scale, e, references, next, sweep); });
}

template <typename T>
void row_fill(void* row, int64_t n, float value) {
  T* const out = static_cast<T*>(row);
  T v;
  math::store(&v, value);
  for (int64_t j = 0; j < n; ++j) out[j] = v;
}

template <typename T>
constexpr RowKernelsOf kernels_of() {
  return RowKernelsOf{row_sums<T>, row_exps<T>, row_gradient<T>, row_fill<T>};
}

}  // namespace

const RowKernels TPPO_ROW_KERNELS = {{kernels_of<float>(), kernels_of<math::bf16>(), kernels_of<math::f16>()}};

}  // namespace tppo::cpu
