// SPDX-License-Identifier: Apache-2.0
#include "../math/shape_rewards.h"

#include "cpu_backend.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

void put(float* array, int64_t i, double value) {
  if (array != nullptr) array[i] = static_cast<float>(value);
}

void shape_sequence(const tppo_shape_rewards_args& a, int64_t begin, int64_t end, const float* terminal, double* stats) {
  double sums[TPPO_SHAPE_REWARDS_STATS] = {};  // of its own, so that they stay in registers
  int64_t last = end - 1;
  while (last >= begin && !valid(a.mask, last)) --last;
  int64_t count = 0;
  for (int64_t i = begin; i < end; ++i) {
    if (!valid(a.mask, i)) {
      put(a.lwp, i, 0.0);
      put(a.shaped, i, 0.0);
      put(a.kl, i, 0.0);
      put(a.rewards, i, 0.0);
      continue;
    }
    ++count;
    const double position = static_cast<double>(a.positions != nullptr ? a.positions[i] : count);
    const double score = a.classes != nullptr ? a.class_values[a.classes[i]] : static_cast<double>(a.scores[i]);
    const double lwp =
        a.length_penalty != 0 ? math::length_weight(a.alpha, position, a.suggested_length, a.length_offset) : 1.0;
    const double shaped = lwp * score;
    double kl = 0.0;
    if (a.logprobs != nullptr) {
      const math::LogRatio<double> d = math::log_ratio<double>(a.logprobs[i], a.ref_logprobs[i], a.log_ratio_clamp);
      kl = math::kl_estimate(a.kl_estimator, d.value);
      sums[TPPO_SHAPE_REWARDS_CLAMPED] += d.clamped;
    }
    double reward = shaped;
    if (a.kl_coef != 0.0) reward -= a.kl_coef * kl;
    if (i == last && terminal != nullptr) reward += *terminal;
    put(a.lwp, i, lwp);
    put(a.shaped, i, shaped);
    put(a.kl, i, kl);
    put(a.rewards, i, reward);
    sums[TPPO_SHAPE_REWARDS_VALID] += 1.0;
    sums[TPPO_SHAPE_REWARDS_LWP] += lwp;
    sums[TPPO_SHAPE_REWARDS_SHAPED] += shaped;
    sums[TPPO_SHAPE_REWARDS_KL] += kl;
    sums[TPPO_SHAPE_REWARDS_REWARD] += reward;
    sums[TPPO_SHAPE_REWARDS_BEYOND] += position > a.suggested_length;
  }
  for (int k = 0; k < TPPO_SHAPE_REWARDS_STATS; ++k) stats[k] = sums[k];
}

}  // namespace

uint64_t shape_rewards_workspace(const tppo_shape_rewards_args& a, int32_t) {
  Workspace w;
  w.take<double>(a.num_sequences * TPPO_SHAPE_REWARDS_STATS);
  return w.size();
}

int32_t shape_rewards(const tppo_shape_rewards_args& a, const Call& call) {
  double* const partial = Workspace(call.workspace).take<double>(a.num_sequences * TPPO_SHAPE_REWARDS_STATS);
  const Sequences sequences(a);
  parallel(sequences.count, a.num_tokens * 20, [&](int64_t b) {
    const float* const terminal = a.terminal_rewards != nullptr ? a.terminal_rewards + b : nullptr;
    shape_sequence(a, sequences.begin(b), sequences.end(b), terminal, partial + b * TPPO_SHAPE_REWARDS_STATS);
  });
  if (a.stats != nullptr) add_blocks(partial, sequences.count, TPPO_SHAPE_REWARDS_STATS, a.stats);
  return TPPO_OK;
}

}  // namespace tppo::cpu
