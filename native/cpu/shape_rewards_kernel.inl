// SPDX-License-Identifier: Apache-2.0
// Rewards of some tokens (equations 4 and 5).
#include "../math/shape_rewards.h"
#include "elementary.inl"
#include "token_kernels.h"

namespace tppo::cpu {
namespace {

/// The values of classes 0, 1 and 2.
inline Doubles value_of(Doubles c, const double (&values)[3]) {
  return c == 0.0 ? Doubles{} + values[0] : (c == 1.0 ? Doubles{} + values[1] : Doubles{} + values[2]);
}

void shape_rewards(const tppo_shape_rewards_args& a, const TokensToShape& tokens_to_shape, double* accumulated) {
  const TokensToShape t = tokens_to_shape;  // which no store can change
  const double kl_coef = a.kl_coef, clamp = a.log_ratio_clamp;
  const int32_t estimator = a.kl_estimator;
  const double class_values[] = {a.class_values[0], a.class_values[1], a.class_values[2]};
  Sums16<TPPO_SHAPE_REWARDS_STATS> sums(accumulated);
  each16(0, t.count, [&](const auto& tokens) {
    for (int k = 0; k < tokens.parts(); ++k) {
      const Flags valid = tokens.valid(nullptr, k);
      const auto put = [&](float* array, Doubles v) {
        if (array != nullptr) tokens.store(array, k, v);
      };
      const Doubles lwp = tokens.load(t.lwp, k);
      const Doubles shaped = lwp * (t.classes != nullptr ? value_of(tokens.load(t.classes, k), class_values) : tokens.load(t.scores, k));
      Doubles kl{};
      if (t.logprobs != nullptr) {
        const auto d = math::log_ratio(tokens.load(t.logprobs, k), tokens.load(t.ref_logprobs, k), clamp);
        kl = math::kl_estimate(estimator, d.value);
        sums.count(TPPO_SHAPE_REWARDS_CLAMPED, k, valid & d.clamped);
      }
      Doubles reward = shaped;
      if (kl_coef != 0.0) reward -= kl_coef * kl;
      const int64_t last = t.count - 1 - tokens.place(k);
      if (t.terminal != 0.0 && last >= 0 && last < kDoubles) reward[last] += t.terminal;
      put(t.lwp_out, lwp);
      put(t.shaped, shaped);
      put(t.kl_out, kl);
      put(t.rewards, reward);
      sums.count(TPPO_SHAPE_REWARDS_VALID, k, valid);
      sums.add(TPPO_SHAPE_REWARDS_LWP, k, valid, lwp);
      sums.add(TPPO_SHAPE_REWARDS_SHAPED, k, valid, shaped);
      sums.add(TPPO_SHAPE_REWARDS_KL, k, valid, kl);
      sums.add(TPPO_SHAPE_REWARDS_REWARD, k, valid, reward);
    }
  });
  sums.save(accumulated);
}

}  // namespace
}  // namespace tppo::cpu
