// SPDX-License-Identifier: Apache-2.0
// Whitening of a set of values by its mean and variance.
#pragma once

#include "hd.h"

namespace tppo::math {

/// Variance from the sum of squared deviations; 0 for fewer than two values.
template <typename T>
TPPO_HD T variance(T sum_of_squares, T count, bool unbiased) {
  if (count < T(2)) return T(0);
  return sum_of_squares / (unbiased ? count - T(1) : count);
}

/// epsilon stands inside the root. A constant set with epsilon 0 whitens to 0, not to 0/0.
template <typename T>
TPPO_HD T inverse_deviation(T variance, T epsilon) {
  const T v = variance + epsilon;
  return v > T(0) ? T(1) / sqrt(v) : T(0);
}

/// T: a number, or on the CPU a vector of numbers N.
template <typename T, typename N>
TPPO_HD T whiten(T x, N mean, N inverse_deviation, bool keep_mean) {
  return (x - mean) * inverse_deviation + (keep_mean ? mean : N(0));
}

}  // namespace tppo::math
