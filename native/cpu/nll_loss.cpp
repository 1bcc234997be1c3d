// SPDX-License-Identifier: Apache-2.0
#include "cpu_backend.h"
#include "logit_rows.h"

namespace tppo::cpu {

uint64_t nll_loss_workspace(const tppo_nll_loss_args& a, int32_t) {
  Workspace w;
  w.take<double>(blocks_of(a.num_tokens, kRowsPerTask) * TPPO_NLL_STATS);
  return w.size();
}

int32_t nll_loss(const tppo_nll_loss_args& a, const Call& call) {
  const int64_t n = a.num_tokens;
  const int64_t blocks = blocks_of(n, kRowsPerTask);
  double* const partial = Workspace(call.workspace).take<double>(blocks * TPPO_NLL_STATS);
  const LogitRows rows(a);

  const auto weight = [&](int64_t i) { return a.weights != nullptr ? static_cast<double>(a.weights[i]) : 1.0; };
  const auto is_valid = [&](int64_t i) { return valid(a.mask, i) && weight(i) != 0.0; };
  double normalizer = a.normalizer;
  if (normalizer == 0.0)
    for (int64_t i = 0; i < n; ++i)
      if (is_valid(i)) normalizer += weight(i);
  const double inverse = normalizer > 0.0 ? 1.0 / normalizer : 0.0;

  const auto blank = [&](int64_t i) {
    if (a.logprob != nullptr) a.logprob[i] = 0.0f;
    if (a.entropy != nullptr) a.entropy[i] = 0.0f;
    if (a.grad_logits != nullptr) rows.fill(rows.row_of(a.grad_logits, i, a.grad_stride), 0.0f);
  };
  for_each_row(n, rows.cost(n), partial, TPPO_NLL_STATS, is_valid, [&](int64_t i, int64_t next, double* sums) {
    const int64_t target = a.targets[i];
    const double w = weight(i);
    const LogitRow r = rows.read(i, target);
    if (a.logprob != nullptr) a.logprob[i] = r.logprob;
    if (a.entropy != nullptr) a.entropy[i] = r.entropy;
    void* const out = a.grad_logits != nullptr ? rows.row_of(a.grad_logits, i, a.grad_stride) : nullptr;
    if (r.bad) {
      sums[TPPO_NLL_BAD_ROWS] += 1.0;
      if (out != nullptr) rows.fill(out, a.zero_bad_rows != 0 ? 0.0f : NAN);
      return;
    }
    sums[TPPO_NLL_LOSS] -= w * inverse * r.logprob;
    sums[TPPO_NLL_VALID] += 1.0;
    sums[TPPO_NLL_WEIGHT] += w;
    sums[TPPO_NLL_LOGPROB] += r.logprob;
    sums[TPPO_NLL_ENTROPY] += r.entropy;
    if (out != nullptr) rows.write_gradient(i, r, target, -w * inverse, 0.0, out, next);
  }, blank);
  if (a.stats != nullptr) {
    add_blocks(partial, blocks, TPPO_NLL_STATS, a.stats);
    a.stats[TPPO_NLL_NORMALIZER] = normalizer;
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
