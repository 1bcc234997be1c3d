// SPDX-License-Identifier: Apache-2.0
// Class balance of the reward model (section 3.3).
#pragma once

#include "philox.h"

namespace tppo::math {

/// A token of class 1 or 2 is kept when its random word lies below its threshold; 2^32 keeps all.
struct BalanceThresholds {
  uint64_t class1, class2;
};

TPPO_HD BalanceThresholds balance_thresholds(int64_t count1, int64_t count2, double rho) {
  const uint64_t all = static_cast<uint64_t>(1) << 32;
  BalanceThresholds r{all, all};
  if (count1 <= 0 || count2 <= 0 || count1 == count2) return r;
  const bool first_is_larger = count1 > count2;
  const double larger = static_cast<double>(first_is_larger ? count1 : count2);
  const double smaller = static_cast<double>(first_is_larger ? count2 : count1);
  const double p = rho * smaller / larger;
  const uint64_t threshold = p < 1.0 ? static_cast<uint64_t>(p * 4294967296.0) : all;
  if (first_is_larger)
    r.class1 = threshold;
  else
    r.class2 = threshold;
  return r;
}

TPPO_HD bool balance_keep(const BalanceThresholds& thresholds, int32_t label, uint32_t position, uint32_t sample,
                          uint64_t step, uint64_t seed) {
  if (label == 0) return true;
  const Philox counter{{position, sample, static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)}};
  return philox(counter, seed).word[0] < (label == 1 ? thresholds.class1 : thresholds.class2);
}

}  // namespace tppo::math
