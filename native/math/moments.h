// SPDX-License-Identifier: Apache-2.0
// Count, mean and squared deviations of a set of numbers, by parts that are put together in any fixed order.
#pragma once

#include "hd.h"

namespace tppo::math {

template <typename T>
struct Moments {
  T count, mean, squares;  // squares: sum of (x - mean)^2
};

/// The same on the way: sums of x - pivot and of its square. The pivot is the first number, so that a large mean loses nothing; adding takes no
/// division.
template <typename T>
struct PivotSums {
  T pivot = T(0), count = T(0), sum = T(0), squares = T(0);

  TPPO_HD void add(T x) {
    if (count == T(0)) pivot = x;
    const T d = x - pivot;
    count += T(1);
    sum += d;
    squares += d * d;
  }

  TPPO_HD void add(const Moments<T>& part) {
    if (part.count == T(0)) return;
    if (count == T(0)) pivot = part.mean;
    const T d = part.mean - pivot, weighted = part.count * d;
    count += part.count;
    sum += weighted;
    squares += part.squares + weighted * d;
  }

  /// The same set, seen from another pivot.
  TPPO_HD PivotSums from(T other) const {
    if (count == T(0)) return PivotSums{other, T(0), T(0), T(0)};
    const T d = pivot - other, moved = count * d;
    return PivotSums{other, count, sum + moved, squares + d * (T(2) * sum + moved)};
  }

  TPPO_HD Moments<T> moments() const {
    if (count == T(0)) return Moments<T>{T(0), T(0), T(0)};
    const T d = sum / count, rest = squares - sum * d;
    return Moments<T>{count, pivot + d, rest < T(0) ? T(0) : rest};
  }
};

}  // namespace tppo::math
