// SPDX-License-Identifier: Apache-2.0
// Clipped value loss and its gradient.
#include "../math/value_loss.h"

#include "sequences.cuh"

namespace tppo::cuda {
namespace {

struct ValueTokens {
  static constexpr int kSums = TPPO_VALUE_STATS;
  const float* values;
  const float* old_values;
  const float* returns;
  const uint8_t* mask;
  float* per_token;
  float* grad_values;
  double* stats;
  double clip;
  Normalizer normalizer;
  double divisor;

  __device__ void begin(double*) { divisor = normalizer.value(); }

  __device__ void put(int64_t i, double loss, double slope) const {
    if (per_token != nullptr) per_token[i] = static_cast<float>(loss);
    if (grad_values != nullptr) grad_values[i] = static_cast<float>(slope);
  }

  __device__ void element(int64_t i, double* sums) const {
    if (!counts(mask, i)) return put(i, 0.0, 0.0);
    const double value = values[i];
    const double target = returns[i];
    const math::ValueToken<double> t = math::value_token<double>(value, clip >= 0.0 ? old_values[i] : 0.0, target, clip);
    put(i, t.loss, t.slope * inverse(divisor));
    sums[TPPO_VALUE_LOSS] += 0.5 * t.loss * inverse(divisor);
    sums[TPPO_VALUE_VALID] += 1.0;
    sums[TPPO_VALUE_CLIPPED] += t.clipped ? 1.0 : 0.0;
    sums[TPPO_VALUE_ERROR] += t.error;
    sums[TPPO_VALUE_VALUE] += value;
    sums[TPPO_VALUE_RETURN] += target;
    sums[TPPO_VALUE_RETURN_SQUARED] += target * target;
  }

  __device__ void finish(const double* sums) const {
    for (int j = 0; j < kSums; ++j) stats[j] = sums[j];
    stats[TPPO_VALUE_NORMALIZER] = divisor;
  }
};

struct Scratch {
  Counted* counted;
  double* counts;
  double* partials;

  Scratch(const tppo_value_loss_args& a, Workspace& w)
      : counted(w.take<Counted>(1)), counts(w.take<double>(token_count_partials(a.num_tokens))),
        partials(w.take<double>(map_partials<ValueTokens>(a.num_tokens))) {}
};

}  // namespace

uint64_t value_loss_workspace(const tppo_value_loss_args& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.bytes();
}

int32_t value_loss(const tppo_value_loss_args& a, const Call& call) {
  Launcher launch("tppo_value_loss", call);
  Workspace w(call);
  const Scratch scratch(a, w);
  const Tokens tokens{a.mask, nullptr, a.num_tokens, a.num_tokens};
  const Normalizer normalizer = count_tokens(launch, a.normalizer, tokens, scratch.counts, scratch.counted);
  const ValueTokens op{a.values, a.old_values, a.returns, a.mask, a.per_token, a.grad_values, a.stats, a.clip, normalizer, 0.0};
  map_or_reduce(launch, op, a.num_tokens, scratch.partials, a.stats != nullptr);
  return launch.status();
}

}  // namespace tppo::cuda
