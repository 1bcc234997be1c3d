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

template <typename T>
TPPO_HD LogSumExp<T> lse_identity() {
  return LogSumExp<T>{-static_cast<T>(INFINITY), T(0), T(0)};
}

/// The same set seen from a larger maximum m.
template <typename T>
TPPO_HD LogSumExp<T> lse_rescale(const LogSumExp<T>& a, T m) {
  if (a.m == m) return a;
  const T k = a.m - m;
  const T f = exp(k);
  // f == 0 also when a.m is -inf: then k * s would be -inf * s. A NaN in s must survive either way.
  return LogSumExp<T>{m, f * a.s, f > T(0) ? f * (a.t + k * a.s) : f * a.s};
}

template <typename T>
TPPO_HD LogSumExp<T> lse_merge(const LogSumExp<T>& a, const LogSumExp<T>& b) {
  const T m = a.m > b.m ? a.m : b.m;
  const LogSumExp<T> x = lse_rescale(a, m);
  const LogSumExp<T> y = lse_rescale(b, m);
  return LogSumExp<T>{m, x.s + y.s, x.t + y.t};
}

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
