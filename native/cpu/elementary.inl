// SPDX-License-Identifier: Apache-2.0
// exp, expm1 and log of vectors of doubles, with the same bits under every instruction set; NaN for NaN. Minimax polynomials, in short
// chains, whose errors are below 1e-18: what is left is rounding, less than 2.5 units in the last place.
#pragma once

#include "../math/elementary.h"
#include "doubles.inl"

namespace tppo::math {

/// Its name holds the width of the vectors: each width may be compiled with one set of options only.
template <>
struct Elementary<cpu::Doubles> {
  using V = cpu::Doubles;

  /// 0 below -708, infinite above 709.
  static V exp(V x) {
    const Parts e = parts(x);
    return x < kLeast ? V{} : or_infinite(x, e.scale + e.scale * e.rest);
  }
  /// -1 below -708, infinite above 709.
  static V expm1(V x) {
    const Parts e = parts(x);
    return or_infinite(x, e.scale * e.rest + (e.scale - 1.0));
  }
  /// Of numbers from 0.7 to 3: a sum of three exponentials, the largest of which is 1.
  static V log(V x) {
    const cpu::Flags large = x > 1.4142135623730951;
    const V from_one = (large ? 0.5 * x : x) - 1.0;
    const V u = from_one / (from_one + 2.0);  // ln(1 + f) = 2 artanh(f / (2 + f))
    const V x1 = u * u, x2 = x1 * x1, x4 = x2 * x2;
    const V low = (0.33333333333333315 + 0.2000000000001895 * x1) + (0.1428571427961584 + 0.1111111199505135 * x1) * x2;
    const V high = (0.0909084052943885 + 0.07695346146040498 * x1) + (0.0658987612855743 + 0.06903151385337486 * x1) * x2;
    const V ln = 2.0 * u + 2.0 * u * (x1 * (low + high * x4));
    return large ? ln + 0.6931471805599453 : ln;
  }

 private:
  static constexpr double kLeast = -708.0, kMost = 709.0;

  static V or_infinite(V x, V value) { return x > kMost ? V{} + __builtin_inf() : value; }

  /// exp(x) = scale (1 + rest), scale a power of two, for x limited to [kLeast, kMost].
  struct Parts {
    V scale, rest;
  };
  static Parts parts(V x) {
    constexpr double kMagic = 6755399441055744.0;  // 1.5 2^52: a sum with it is rounded to whole numbers, which stand in its low bits
    constexpr double kLn2High = 0.6931471803691238, kLn2Low = 1.9082149292705877e-10;  // high: products with the power of two are exact
    x = x < kLeast ? V{} + kLeast : (x > kMost ? V{} + kMost : x);
    const V shifted = x * 1.4426950408889634 + kMagic;
    const V power = shifted - kMagic;
    const V r = (x - power * kLn2High) - power * kLn2Low;
    const V r2 = r * r, r4 = r2 * r2;
    const V from_2 = (0.5 + 0.16666666666666685 * r) + (0.04166666666666673 + 0.008333333333316617 * r) * r2;
    const V from_6 = (0.0013888888888858439 + 0.00019841269897362456 * r) + (2.4801587373770897e-05 + 2.7557233928767755e-06 * r) * r2;
    const V from_10 = (2.755723331835869e-07 + 2.5112348738238357e-08 * r) + 2.0926959901966164e-09 * r2;
    const V series = (from_2 + from_6 * r4) + from_10 * (r4 * r4);
    return Parts{reinterpret_cast<V>((reinterpret_cast<cpu::Flags>(shifted) + 1023) << 52), r + r2 * series};
  }
};

}  // namespace tppo::math
