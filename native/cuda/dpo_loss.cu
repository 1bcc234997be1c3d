// SPDX-License-Identifier: Apache-2.0
// Direct preference optimisation.
#include "../math/dpo_loss.h"

#include "reduce.cuh"

namespace tppo::cuda {
namespace {

struct DpoPairs {
  static constexpr int kSums = TPPO_DPO_STATS;
  tppo_dpo_loss_args args;
  double normalizer;

  __device__ void begin(double*) const {}

  static __device__ void put(float* array, int64_t i, double value) {
    if (array != nullptr) array[i] = static_cast<float>(value);
  }

  __device__ void element(int64_t i, double* sums) const {
    const math::DpoPair<double> p =
        math::dpo_pair<double>(args.beta, args.policy_chosen[i], args.policy_rejected[i], args.ref_chosen[i], args.ref_rejected[i]);
    put(args.losses, i, p.loss);
    put(args.chosen_rewards, i, p.chosen_reward);
    put(args.rejected_rewards, i, p.rejected_reward);
    put(args.margins, i, p.margin);
    put(args.grad_chosen, i, p.slope / normalizer);
    put(args.grad_rejected, i, -p.slope / normalizer);
    sums[TPPO_DPO_LOSS] += p.loss / normalizer;
    sums[TPPO_DPO_CORRECT] += p.chosen_reward > p.rejected_reward ? 1.0 : 0.0;
    sums[TPPO_DPO_CHOSEN] += p.chosen_reward;
    sums[TPPO_DPO_REJECTED] += p.rejected_reward;
    sums[TPPO_DPO_MARGIN] += p.margin;
  }

  __device__ void finish(const double* sums) const {
    for (int j = 0; j < kSums; ++j) args.stats[j] = sums[j];
  }
};

double* partials(const tppo_dpo_loss_args& a, Workspace& w) { return w.take<double>(map_partials<DpoPairs>(a.num_pairs)); }

}  // namespace

uint64_t dpo_loss_workspace(const tppo_dpo_loss_args& a, int32_t) {
  Workspace w;
  partials(a, w);
  return w.bytes();
}

int32_t dpo_loss(const tppo_dpo_loss_args& a, const Call& call) {
  Launcher launch("tppo_dpo_loss", call);
  Workspace w(call);
  const DpoPairs op{a, a.normalizer > 0.0 ? a.normalizer : static_cast<double>(a.num_pairs)};
  map_or_reduce(launch, op, a.num_pairs, partials(a, w), a.stats != nullptr);
  return launch.status();
}

}  // namespace tppo::cuda
