// SPDX-License-Identifier: Apache-2.0
#include "cpu_backend.h"
#include "logit_rows.h"

namespace tppo::cpu {

uint64_t token_log_probs_workspace(const tppo_token_log_probs_args& a, int32_t) {
  Workspace w;
  w.take<double>(blocks_of(a.num_tokens, kRowsPerTask) * TPPO_TOKEN_LOG_PROBS_STATS);
  return w.size();
}

int32_t token_log_probs(const tppo_token_log_probs_args& a, const Call& call) {
  const int64_t n = a.num_tokens;
  const int64_t blocks = blocks_of(n, kRowsPerTask);
  double* const partial = Workspace(call.workspace).take<double>(blocks * TPPO_TOKEN_LOG_PROBS_STATS);
  const LogitRows rows(a);

  const auto is_valid = [&](int64_t i) { return valid(a.mask, i); };
  const auto blank = [&](int64_t i) {
    if (a.logprob != nullptr) a.logprob[i] = 0.0f;
    if (a.entropy != nullptr) a.entropy[i] = 0.0f;
  };
  for_each_row(n, rows.cost(n), partial, TPPO_TOKEN_LOG_PROBS_STATS, is_valid, [&](int64_t i, int64_t, double* sums) {
    const LogitRow r = rows.read(i, a.targets[i]);
    if (a.logprob != nullptr) a.logprob[i] = r.logprob;
    if (a.entropy != nullptr) a.entropy[i] = r.entropy;
    if (r.bad) {
      sums[TPPO_TOKEN_LOG_PROBS_BAD_ROWS] += 1.0;
      return;
    }
    sums[TPPO_TOKEN_LOG_PROBS_VALID] += 1.0;
    sums[TPPO_TOKEN_LOG_PROBS_LOGPROB] += r.logprob;
    sums[TPPO_TOKEN_LOG_PROBS_ENTROPY] += r.entropy;
  }, blank);
  if (a.stats != nullptr) add_blocks(partial, blocks, TPPO_TOKEN_LOG_PROBS_STATS, a.stats);
  return TPPO_OK;
}

}  // namespace tppo::cpu
