// SPDX-License-Identifier: Apache-2.0
// The maximum of a block of logits, by integer comparisons of their bits: work for which other pipes of the processor are free than the sums'.
#pragma once

#include "vector.inl"

namespace tppo::cpu {
namespace {

constexpr float kMinusInfinity = -__builtin_inff();
constexpr float kLowest = -1e30f;  // numbers below count as extreme; of float16 only -inf

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
  static constexpr int32_t kLeast = INT32_MIN;
  static constexpr uint32_t kExtreme = 0xf149f2cau;  // kLowest
  static constexpr float kMinusInf = kMinusInfinity;
  static float number(int32_t bits) { return math::bits_to_float(static_cast<uint32_t>(bits)); }
};
template <>
struct Bits<math::bf16> {
  typedef I16 Signed;
  typedef U16 Unsigned;
  typedef int16_t SignedElement;
  typedef uint16_t UnsignedElement;
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

/// Takes a block's elements kElements at a time, so that the sums of the block before it can be formed in the same loop.
template <typename T>
struct MaxScan {
  typedef Bits<T> B;
  typename B::Signed high = typename B::Signed{} + B::kLeast;
  typename B::Unsigned low = typename B::Unsigned{};

  static constexpr int64_t kVector = sizeof(F) / sizeof(T);

  template <int64_t kElements>
  TPPO_INLINE_MEMBER void take(const T* x) {
    for (int64_t k = 0; k < kElements; k += kVector) {
      auto v = load<typename B::Signed>(x + k);
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
      for (int64_t j = 0; j < n; j += kVector) magnitude = larger(magnitude, ~load<typename B::Unsigned>(x + j));
      most = static_cast<typename B::SignedElement>(~max_of<typename B::UnsignedElement>(magnitude));
    }
    return BlockMax{B::number(most), max_of<typename B::UnsignedElement>(low) >= B::kExtreme};
  }
};

template <typename T>
TPPO_INLINE BlockMax block_max(const T* x, int64_t n) {
  MaxScan<T> scan;
  for (int64_t j = 0; j < n; j += kStep) scan.template take<kStep>(x + j);
  return scan.result(x, n);
}

}  // namespace
}  // namespace tppo::cpu
