// SPDX-License-Identifier: Apache-2.0
// Generalised advantage estimation: one step, and the same step as an affine map so that it can be scanned in parallel.
#pragma once

#include "hd.h"

namespace tppo::math {

/// What a token hands to the valid token before it.
template <typename T>
struct GaeCarry {
  T value, advantage;  // both 0 after the last valid token
};

/// delta = r + gamma V_next - V;  A = delta + gamma lambda A_next.
template <typename T>
TPPO_HD GaeCarry<T> gae_step(T gamma, T lambda, T reward, T value, const GaeCarry<T>& next) {
  const T delta = reward + gamma * next.value - value;
  return GaeCarry<T>{value, delta + gamma * lambda * next.advantage};
}

/// A = offset + factor * A_next. A masked token is the identity (0, 1).
template <typename T>
struct AffineMap {
  T offset, factor;
};

/// The map of two neighbours: `first` is the earlier token, applied after `second`.
template <typename T>
TPPO_HD AffineMap<T> compose(const AffineMap<T>& first, const AffineMap<T>& second) {
  return AffineMap<T>{first.offset + first.factor * second.offset, first.factor * second.factor};
}

}  // namespace tppo::math
