// SPDX-License-Identifier: Apache-2.0
// Clipped value loss of one token.
#pragma once

#include "hd.h"

namespace tppo::math {

/// T: a number, or on the CPU a vector of numbers N.
template <typename T>
struct ValueToken {
  T loss;   // the larger square, before the factor 0.5
  T error;  // (V - R)^2
  T slope;  // d(0.5 loss) / d V
  decltype(T() > T()) clipped;  // the clipped square is the larger
};

/// clip < 0: no clipping, old_value is not used.
template <typename T, typename N>
TPPO_HD ValueToken<T> value_token(T value, T old_value, T target, N clip) {
  const T d = value - target;
  ValueToken<T> r{d * d, d * d, d, {}};
  if (clip < N(0)) return r;
  const T limited = clamp(value, old_value - clip, old_value + clip) - target;
  r.clipped = limited * limited > r.error;
  r.loss = r.clipped ? limited * limited : r.error;
  // The larger square of a value that the clip moved does not depend on the value.
  r.slope = r.clipped ? T{} : d;
  return r;
}

}  // namespace tppo::math
