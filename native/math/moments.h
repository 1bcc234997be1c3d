// SPDX-License-Identifier: Apache-2.0
// Count, mean and squared deviations of a set of numbers as a monoid: parts can be taken apart and merged in any fixed order, and large
// means lose nothing.
#pragma once

#include "hd.h"

namespace tppo::math {

template <typename T>
struct Moments {
  T count, mean, squares;  // squares: sum of (x - mean)^2
};

template <typename T>
TPPO_HD Moments<T> no_moments() {
  return Moments<T>{T(0), T(0), T(0)};
}

/// Of x[i] where valid[i].
template <typename T, int N>
TPPO_HD Moments<T> moments_of(const T (&x)[N], const bool (&valid)[N]) {
  Moments<T> r = no_moments<T>();
  for (int i = 0; i < N; ++i) {
    r.count += valid[i] ? T(1) : T(0);
    r.mean += valid[i] ? x[i] : T(0);
  }
  if (r.count == T(0)) return r;
  r.mean /= r.count;
  for (int i = 0; i < N; ++i) r.squares += valid[i] ? (x[i] - r.mean) * (x[i] - r.mean) : T(0);
  return r;
}

template <typename T>
TPPO_HD Moments<T> merge(const Moments<T>& a, const Moments<T>& b) {
  const T count = a.count + b.count;
  if (count == T(0)) return no_moments<T>();
  const T share = b.count / count;
  const T d = b.mean - a.mean;
  return Moments<T>{count, a.mean + d * share, a.squares + b.squares + d * d * a.count * share};
}

}  // namespace tppo::math
