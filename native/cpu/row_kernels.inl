// SPDX-License-Identifier: Apache-2.0
// Body of the row kernels. The including file sets TPPO_ROW_KERNELS (the table's name) and is compiled for its instruction set.
#include "row_kernels.h"
#include "vector.inl"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = kRowBlock;  // elements whose maximum is found before they are summed; they stay in L1
static_assert(kBlock % kStep == 0, "a block holds whole steps");

constexpr float kMinusInfinity = -__builtin_inff();

/// Element types as integers: their bits are sign and magnitude, so the largest signed integer is the largest number if any is positive, and
/// the largest unsigned one the most negative number, -inf or a negative NaN.
template <typename T>
struct Bits;
template <>
struct Bits<float> {
  typedef I Signed;
  typedef U Unsigned;
  typedef int32_t SignedElement;
  typedef uint32_t UnsignedElement;
  static constexpr int kVectors = kGroup;
  static constexpr int32_t kLeast = INT32_MIN;
  static constexpr uint32_t kExtreme = 0xf149f2cau;  // -1e30
  static constexpr float kMinusInf = kMinusInfinity;
  static float number(int32_t bits) { return math::bits_to_float(static_cast<uint32_t>(bits)); }
};
template <>
struct Bits<math::bf16> {
  typedef I16 Signed;
  typedef U16 Unsigned;
  typedef int16_t SignedElement;
  typedef uint16_t UnsignedElement;
  static constexpr int kVectors = kGroup / 2;
  static constexpr int16_t kLeast = INT16_MIN;
  static constexpr uint32_t kExtreme = 0xf149u;
  static constexpr math::bf16 kMinusInf{0xff80};
  static float number(int16_t bits) { return math::to_float(math::bf16{static_cast<uint16_t>(bits)}); }
};
template <>
struct Bits<math::f16> {
  typedef I16 Signed;
  typedef U16 Unsigned;
  typedef int16_t SignedElement;
  typedef uint16_t UnsignedElement;
  static constexpr int kVectors = kGroup / 2;
  static constexpr int16_t kLeast = INT16_MIN;
  static constexpr uint32_t kExtreme = 0xfc00u;
  static constexpr math::f16 kMinusInf{0xfc00};
  static float number(int16_t bits) { return math::to_float(math::f16{static_cast<uint16_t>(bits)}); }
};

/// The maximum of a block (a NaN may be passed over), and whether it holds numbers that need clamping.
struct BlockMax {
  float max;
  bool extreme;
};

/// Takes a block's steps one by one, so that the sums of the block before it can be formed in the same loop.
template <typename T>
struct MaxScan {
  typedef Bits<T> B;
  typename B::Signed high = typename B::Signed{} + B::kLeast;
  typename B::Unsigned low = typename B::Unsigned{};

  TPPO_INLINE_MEMBER void step(const T* x) {
    for (int k = 0; k < B::kVectors; ++k) {
      auto v = load<typename B::Signed>(reinterpret_cast<const char*>(x) + k * sizeof(F));
      in_register(v);
      high = larger(high, v);
      low = larger(low, bits_of<typename B::Unsigned>(v));
    }
  }
  /// The result for the n elements at x that have been taken.
  TPPO_INLINE_MEMBER BlockMax result(const T* x, int64_t n) const {
    auto most = max_of<typename B::SignedElement>(high);
    if (most < 0) {
      // Nothing positive: the smallest magnitude is the largest number.
      typename B::Unsigned magnitude{};
      for (int64_t j = 0; j < n; j += kStep)
        for (int k = 0; k < B::kVectors; ++k)
          magnitude = larger(magnitude, ~load<typename B::Unsigned>(reinterpret_cast<const char*>(x + j) + k * sizeof(F)));
      most = static_cast<typename B::SignedElement>(~max_of<typename B::UnsignedElement>(magnitude));
    }
    return BlockMax{B::number(most), max_of<typename B::UnsignedElement>(low) >= B::kExtreme};
  }
};

template <typename T>
TPPO_INLINE BlockMax block_max(const T* x, int64_t n) {
  MaxScan<T> scan;
  for (int64_t j = 0; j < n; j += kStep) scan.step(x + j);
  return scan.result(x, n);
}

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

/// Degree of the polynomial: beside the rounding of 16-bit logits' gradients the error of degree 4 does not show.
template <typename T>
constexpr int degree() {
  return sizeof(T) == 4 ? 5 : 4;
}

/// Adds a block of whole steps to the sums; with kKeep also stores its e_j, counted from `reference`. With kAhead it takes as many elements
/// from `ahead` on into `scan`: integer work that fits between the sums.
template <bool kExtremes, bool kKeep, bool kAhead, typename T>
TPPO_INLINE void sum_block(const T* x, int64_t n, float reference, float scale, float* e_out, const T* ahead, MaxScan<T>& scan,
                           const T* next, RowSums& r) {
  const F from = splat(reference), c = splat(scale);
  // Two chains are enough, and leave registers for the group.
  F s[2], t[2];
  for (int k = 0; k < 2; ++k) s[k] = t[k] = splat(0.0f);
  for (int64_t j = 0; j < n; j += kStep) {
    F v[kGroup], d[kGroup], e[kGroup];
    load_group(x + j, v);
    for (int k = 0; k < kGroup; ++k) d[k] = (v[k] - from) * c;
    if (kExtremes)
      for (int k = 0; k < kGroup; ++k) d[k] = max(splat(kLowestExponent), d[k]);
    exp2_of<degree<T>()>(d, e);
    for (int k = 0; k < kGroup; ++k) {
      s[k % 2] += e[k];
      t[k % 2] = fma(e[k], d[k], t[k % 2]);
    }
    if (kKeep) {
      store_group(e_out + j, e);
      // Memory would idle during this sweep, whose row is in L2 by now: fetch the row that comes next.
      if (next != nullptr)
        for (int64_t line = 0; line < kStep * static_cast<int64_t>(sizeof(T)); line += 64)
          __builtin_prefetch(reinterpret_cast<const char*>(next + j) + line, 0, 2);
    }
    if (kAhead) scan.step(ahead + j);
  }
  r.s += sum_of(s[0] + s[1]);
  r.t += sum_of(t[0] + t[1]);
}

/// A block whose maximum is known; returns that of the block after it when kAhead says that there is a whole one.
template <bool kKeep, bool kAhead, typename T>
TPPO_INLINE BlockMax add_block(const T* x, int64_t n, BlockMax block, float scale, float* e_out, float* reference_out, const T* next, RowSums& r) {
  raise_max(r, block.max, scale);
  // Against a maximum of -inf everything but NaN must still count as 0.
  const float reference = r.max > kMinusInfinity ? r.max : 0.0f;
  if (kKeep) *reference_out = r.max;  // -inf: the block holds nothing but zeros
  MaxScan<T> scan;
  // Also where the distance from a large maximum would overflow.
  if (block.extreme || !((reference + 1e30f) * scale < 1e38f))
    sum_block<true, kKeep, kAhead>(x, n, reference, scale, e_out, x + n, scan, next, r);
  else
    sum_block<false, kKeep, kAhead>(x, n, reference, scale, e_out, x + n, scan, next, r);
  return kAhead ? scan.result(x + n, n) : BlockMax{};
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

/// The first sweep: whole blocks, then whole steps, then the tail.
template <bool kKeep, typename T>
TPPO_INLINE RowSums sums(const T* x, int64_t n, float scale, float* e_out, float* references, const T* next) {
  RowSums r{kMinusInfinity, 0.0, 0.0};
  int64_t j = 0;
  const int64_t blocks = n / kBlock;
  BlockMax block{};
  if (blocks > 0) block = block_max(x, kBlock);
  for (; j < (blocks - 1) * kBlock; j += kBlock)
    block = add_block<kKeep, true>(x + j, kBlock, block, scale, e_out + j, references + j / kBlock, next == nullptr ? nullptr : next + j, r);
  if (blocks > 0) {
    add_block<kKeep, false>(x + j, kBlock, block, scale, e_out + j, references + j / kBlock, next == nullptr ? nullptr : next + j, r);
    j += kBlock;
  }
  const int64_t steps = (n - j) / kStep * kStep;
  if (steps > 0) add_block<kKeep, false>(x + j, steps, block_max(x + j, steps), scale, e_out + j, references + j / kBlock, next == nullptr ? nullptr : next + j, r);
  j += steps;
  if (j < n) {
    const Tail<T> tail = tail_of(x + j, n - j);
    float e[kStep], reference;
    add_block<kKeep, false, T>(tail.x, kStep, block_max(tail.x, kStep), scale, e, &reference, nullptr, r);
    if (kKeep) {
      for (int64_t k = 0; k < kept_tail<T>(n - j); ++k) e_out[j + k] = e[k];
      references[row_blocks(n)] = reference;
    }
  }
  return r;
}

template <typename T>
RowSums row_sums(const void* x, int64_t n, float scale) {
  return sums<false, T>(static_cast<const T*>(x), n, scale, nullptr, nullptr, nullptr);
}

template <typename T>
RowSums row_exps(const void* x, int64_t n, float scale, float* e, float* references, const void* next) {
  return sums<true>(static_cast<const T*>(x), n, scale, e, references, static_cast<const T*>(next));
}

template <bool kPerD, typename T>
TPPO_INLINE void gradient_step(const T* x, const float* e, T* out, F max_x, F lowest, F per_x, F constant) {
  F v[kGroup], weight[kGroup];
  if (kPerD) load_group(x, v);
  load_group(e, weight);
  for (int k = 0; k < kGroup; ++k) {
    if (kPerD) {
      const F d = max(lowest, v[k] - max_x);
      v[k] = weight[k] * fma(per_x, d, constant);
    } else {
      v[k] = weight[k] * constant;
    }
  }
  store_group(out, v);
}

template <bool kPerD, typename T>
TPPO_INLINE void gradient(const T* x, const GradientCoefficients& c, T* out, int64_t n) {
  const int64_t whole = n - n % kStep;
  const F max_x = splat(c.max), lowest = splat(kLowestExponent / c.scale);
  for (int64_t b = 0; b < n; b += kBlock) {
    const int64_t end = b + kBlock < whole ? b + kBlock : whole;
    const float k = __builtin_exp2f((c.references[b / kBlock] - c.max) * c.scale);
    const F per_x = splat(k * c.per_d * c.scale), constant = splat(k * c.constant);
    for (int64_t j = b; j < end; j += kStep) gradient_step<kPerD>(x + j, c.e + j, out + j, max_x, lowest, per_x, constant);
  }
  if (whole == n) return;
  const float k = __builtin_exp2f((c.references[row_blocks(n)] - c.max) * c.scale);
  const Tail<T> tail = kPerD ? tail_of(x + whole, n - whole) : Tail<T>{};
  const Tail<float> e = tail_of(c.e + whole, kept_tail<T>(n - whole));
  Tail<T> result;
  gradient_step<kPerD>(tail.x, e.x, result.x, max_x, lowest, splat(k * c.per_d * c.scale), splat(k * c.constant));
  for (int64_t j = whole; j < n; ++j) out[j] = result.x[j - whole];
}

template <typename T>
void row_gradient(const void* row, const GradientCoefficients& c, void* out, int64_t n) {
  const T* const x = static_cast<const T*>(row);
  if (c.per_d != 0.0f)
    gradient<true>(x, c, static_cast<T*>(out), n);
  else
    gradient<false>(x, c, static_cast<T*>(out), n);
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
