// SPDX-License-Identifier: Apache-2.0
// Softmax statistics of one row as a monoid: parts of a row can be summed up apart and merged in any fixed order.
#pragma once

#include "hd.h"

namespace tppo::math {

/// Over a set of scores z: m = max z, s = sum exp(z - m), t = sum exp(z - m) (z - m), where 0 * -inf counts as 0.
/// The identity is (-inf, 0, 0). NaN and +inf make s NaN: the maximum alone may hide them, s does not.
template <typename T>
struct LogSumExp {
  T m, s, t;
};

/// True where the row has no distribution: a NaN, a +inf, or nothing but -inf.
template <typename T>
TPPO_HD bool lse_bad(const LogSumExp<T>& a) {
  return !(a.s > T(0)) || !finite(a.s) || !finite(a.m);
}

/// ln p of a score z. Never z - (m + ln s): for large m that sum would round ln s away.
template <typename T>
TPPO_HD T lse_log_prob(const LogSumExp<T>& a, T z) {
  return (z - a.m) - log(a.s);
}

/// -sum p ln p = ln s - t / s; rounding may not make it negative.
template <typename T>
TPPO_HD T lse_entropy(const LogSumExp<T>& a) {
  const T h = log(a.s) - a.t / a.s;
  return h < T(0) ? T(0) : h;
}

}  // namespace tppo::math
