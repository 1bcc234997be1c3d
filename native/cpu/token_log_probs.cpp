// SPDX-License-Identifier: Apache-2.0
#include "cpu_backend.h"
#include "logit_losses.h"

namespace tppo::cpu {

TokenLogProbs::TokenLogProbs(const tppo_token_log_probs_args& args, Workspace& workspace)
    : a_(args), tokens_(Tokens::of(args)),
      sums_(args.vocab_size, Tokens::most(args), TPPO_TOKEN_LOG_PROBS_STATS, workspace) {}

void TokenLogProbs::rows(const LogitRows& logits, const GradientRows&, int64_t begin, int64_t end) {
  const auto row = [&](const RowWorker&, int64_t i, double* sums) {
    const LogitRow r = logits.read(i, a_.targets[i]);
    if (a_.logprob != nullptr) a_.logprob[i] = r.logprob;
    if (a_.entropy != nullptr) a_.entropy[i] = r.entropy;
    if (r.bad) {
      sums[TPPO_TOKEN_LOG_PROBS_BAD_ROWS] += 1.0;
      return;
    }
    sums[TPPO_TOKEN_LOG_PROBS_VALID] += 1.0;
    sums[TPPO_TOKEN_LOG_PROBS_LOGPROB] += r.logprob;
    sums[TPPO_TOKEN_LOG_PROBS_ENTROPY] += r.entropy;
  };
  const auto blank = [&](int64_t i) {
    if (a_.logprob != nullptr) a_.logprob[i] = 0.0f;
    if (a_.entropy != nullptr) a_.entropy[i] = 0.0f;
  };
  for_each_row(tokens_, begin, end, logits.cost(end - begin), sums_, [&](int64_t k) { return tokens_.valid(k); }, row, blank);
}

void TokenLogProbs::finish() {
  if (a_.stats != nullptr) sums_.total(tokens_.count, a_.stats);
}

uint64_t token_log_probs_workspace(const tppo_token_log_probs_args& a, int32_t) { return loss_workspace<TokenLogProbs>(a); }

int32_t token_log_probs(const tppo_token_log_probs_args& a, const Call& call) {
  return run_loss<TokenLogProbs>(a, GradientRows{nullptr, 0}, call);
}

}  // namespace tppo::cpu
