// SPDX-License-Identifier: Apache-2.0
#include "../math/dpo_loss.h"

#include "cpu_backend.h"

namespace tppo::cpu {
namespace {

void put(float* array, int64_t i, double value) {
  if (array != nullptr) array[i] = static_cast<float>(value);
}

}  // namespace

uint64_t dpo_loss_workspace(const tppo_dpo_loss_args&, int32_t) { return 0; }

// A batch has some tens of pairs: one thread, one loop.
int32_t dpo_loss(const tppo_dpo_loss_args& a, const Call&) {
  const double normalizer = a.normalizer > 0.0 ? a.normalizer : static_cast<double>(a.num_pairs);
  double sums[TPPO_DPO_STATS] = {};
  for (int64_t i = 0; i < a.num_pairs; ++i) {
    const math::DpoPair<double> p =
        math::dpo_pair<double>(a.beta, a.policy_chosen[i], a.policy_rejected[i], a.ref_chosen[i], a.ref_rejected[i]);
    put(a.losses, i, p.loss);
    put(a.chosen_rewards, i, p.chosen_reward);
    put(a.rejected_rewards, i, p.rejected_reward);
    put(a.margins, i, p.margin);
    put(a.grad_chosen, i, p.slope / normalizer);
    put(a.grad_rejected, i, -p.slope / normalizer);
    sums[TPPO_DPO_LOSS] += p.loss / normalizer;
    sums[TPPO_DPO_CORRECT] += p.chosen_reward > p.rejected_reward;
    sums[TPPO_DPO_CHOSEN] += p.chosen_reward;
    sums[TPPO_DPO_REJECTED] += p.rejected_reward;
    sums[TPPO_DPO_MARGIN] += p.margin;
  }
  if (a.stats != nullptr)
    for (int k = 0; k < TPPO_DPO_STATS; ++k) a.stats[k] = sums[k];
  return TPPO_OK;
}

}  // namespace tppo::cpu
