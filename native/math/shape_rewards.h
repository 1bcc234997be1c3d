// SPDX-License-Identifier: Apache-2.0
// Reward of a generated token (equations 4 and 5).
#pragma once

#include "kl.h"

namespace tppo::math {

/// Length penalty lwp(l) = 1 / (1 + exp(alpha (l - suggested) - offset)) (equation 4; the offset stands outside alpha).
/// Exactly 0 or 1 far out: the exponent is capped before exp can overflow, and exp left out where 1 + exp rounds to 1.
template <typename T>
TPPO_HD T length_weight(T alpha, T position, T suggested, T offset) {
  const T z = alpha * (position - suggested) - offset;
  const T cap = T(700);
  if (z > cap) return T(0);
  if (z < T(-40)) return T(1);
  return T(1) / (T(1) + exp(z));
}

}  // namespace tppo::math
