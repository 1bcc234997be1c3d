// SPDX-License-Identifier: Apache-2.0
// Direct preference optimisation: sigmoid loss of one pair (appendix H).
#pragma once

#include "hd.h"

namespace tppo::math {

template <typename T>
struct DpoPair {
  T chosen_reward, rejected_reward, margin;
  T loss;   // -ln sigmoid(margin)
  T slope;  // d loss / d policy_chosen = -beta sigmoid(-margin); that of policy_rejected is its negative
};

template <typename T>
TPPO_HD DpoPair<T> dpo_pair(T beta, T policy_chosen, T policy_rejected, T ref_chosen, T ref_rejected) {
  DpoPair<T> r;
  r.chosen_reward = beta * (policy_chosen - ref_chosen);
  r.rejected_reward = beta * (policy_rejected - ref_rejected);
  r.margin = r.chosen_reward - r.rejected_reward;
  // exp of a non-positive number only, so neither side overflows.
  const T e = exp(r.margin > T(0) ? -r.margin : r.margin);
  r.loss = (r.margin > T(0) ? T(0) : -r.margin) + log1p(e);
  r.slope = -beta * ((r.margin > T(0) ? e : T(1)) / (T(1) + e));
  return r;
}

}  // namespace tppo::math
