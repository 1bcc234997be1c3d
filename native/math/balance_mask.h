// SPDX-License-Identifier: Apache-2.0
// Class balance of the reward model (section 3.3).
#pragma once

#include "philox.h"

namespace tppo::math {

/// Of the class `thinned`, the more frequent one of 1 and 2, a token is kept when its random word lies below the threshold; -1: none is thinned.
struct BalanceRule {
  int32_t thinned;
  uint32_t threshold;
};

TPPO_HD BalanceRule balance_rule(int64_t count1, int64_t count2, double rho) {
  const BalanceRule all{-1, 0};
  if (count1 <= 0 || count2 <= 0 || count1 == count2) return all;
  const bool first_is_larger = count1 > count2;
  const double larger = static_cast<double>(first_is_larger ? count1 : count2);
  const double smaller = static_cast<double>(first_is_larger ? count2 : count1);
  const double p = rho * smaller / larger;
  if (!(p < 1.0)) return all;
  return BalanceRule{first_is_larger ? 1 : 2, static_cast<uint32_t>(p * 4294967296.0)};
}

/// The random word of a token.
TPPO_HD uint32_t balance_word(uint32_t position, uint32_t sample, uint64_t step, uint64_t seed) {
  const Philox counter{{position, sample, static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)}};
  return philox(counter, seed).word[0];
}

/// Whether a token of class 0, 1 or 2 with this random word is kept.
TPPO_HD bool balance_keep(const BalanceRule& rule, int32_t label, uint32_t word) {
  // No branch, so that the compiler may take several tokens at a time.
  return (label != rule.thinned) | (word < rule.threshold);
}

}  // namespace tppo::math
