// SPDX-License-Identifier: Apache-2.0
#include "../math/value_loss.h"

#include "cpu_backend.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = 2048;

void token_range(const tppo_value_loss_args& a, double inverse, int64_t begin, int64_t end, double* sums) {
  for (int64_t i = begin; i < end; ++i) {
    if (!valid(a.mask, i)) {
      if (a.per_token != nullptr) a.per_token[i] = 0.0f;
      if (a.grad_values != nullptr) a.grad_values[i] = 0.0f;
      continue;
    }
    const double value = a.values[i];
    const double target = a.returns[i];
    const math::ValueToken<double> t = math::value_token<double>(value, a.clip >= 0.0 ? a.old_values[i] : 0.0, target, a.clip);
    if (a.per_token != nullptr) a.per_token[i] = static_cast<float>(t.loss);
    if (a.grad_values != nullptr) a.grad_values[i] = static_cast<float>(t.slope * inverse);
    sums[TPPO_VALUE_LOSS] += 0.5 * t.loss * inverse;
    sums[TPPO_VALUE_VALID] += 1.0;
    sums[TPPO_VALUE_CLIPPED] += t.clipped;
    sums[TPPO_VALUE_ERROR] += t.error;
    sums[TPPO_VALUE_VALUE] += value;
    sums[TPPO_VALUE_RETURN] += target;
    sums[TPPO_VALUE_RETURN_SQUARED] += target * target;
  }
}

}  // namespace

uint64_t value_loss_workspace(const tppo_value_loss_args& a, int32_t) {
  Workspace w;
  w.take<double>(blocks_of(a.num_tokens, kBlock) * TPPO_VALUE_STATS);
  return w.size();
}

int32_t value_loss(const tppo_value_loss_args& a, const Call& call) {
  const int64_t blocks = blocks_of(a.num_tokens, kBlock);
  double* const partial = Workspace(call.workspace).take<double>(blocks * TPPO_VALUE_STATS);
  double normalizer = a.normalizer;
  if (normalizer == 0.0)
    for (int64_t i = 0; i < a.num_tokens; ++i) normalizer += valid(a.mask, i) ? 1.0 : 0.0;
  const double inverse = normalizer > 0.0 ? 1.0 / normalizer : 0.0;
  parallel(blocks, a.num_tokens * 4, [&](int64_t task) {
    double* const sums = partial + task * TPPO_VALUE_STATS;
    for (int k = 0; k < TPPO_VALUE_STATS; ++k) sums[k] = 0.0;
    const int64_t end = (task + 1) * kBlock < a.num_tokens ? (task + 1) * kBlock : a.num_tokens;
    token_range(a, inverse, task * kBlock, end, sums);
  });
  if (a.stats != nullptr) {
    add_blocks(partial, blocks, TPPO_VALUE_STATS, a.stats);
    a.stats[TPPO_VALUE_NORMALIZER] = normalizer;
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
