// SPDX-License-Identifier: Apache-2.0
// Log-probability and entropy of each token, forward only.
#include "logit_losses.cuh"

namespace tppo::cuda {
namespace {

struct TokenStats {
  static constexpr int kSums = TPPO_TOKEN_LOG_PROBS_STATS;
  Tokens tokens;
  const float* logprob;
  const float* entropy;
  double* stats;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t k, double* sums) const {
    const int64_t i = tokens.token(k);
    if (tokens.exists(i) && !tokens.valid(i)) return;
    if (!tokens.exists(i) || math::is_nan(logprob[i])) {
      sums[TPPO_TOKEN_LOG_PROBS_BAD_ROWS] += 1.0;
      return;
    }
    sums[TPPO_TOKEN_LOG_PROBS_VALID] += 1.0;
    sums[TPPO_TOKEN_LOG_PROBS_LOGPROB] += logprob[i];
    sums[TPPO_TOKEN_LOG_PROBS_ENTROPY] += entropy[i];
  }
  __device__ void finish(const double* sums) const {
    for (int j = 0; j < kSums; ++j) stats[j] = sums[j];
  }
};

}  // namespace

/// The scratch depends on the shapes alone; an output that was asked for takes the place of its scratch.
TokenLogProbs::TokenLogProbs(const tppo_token_log_probs_args& args, Workspace& w)
    : a_(args), logprob_(w.take<float>(args.num_tokens)), entropy_(w.take<float>(args.num_tokens)),
      partials_(w.take<double>(map_partials<TokenStats>(args.num_tokens))) {
  if (args.logprob != nullptr) logprob_ = args.logprob;
  if (args.entropy != nullptr) entropy_ = args.entropy;
}

void TokenLogProbs::rows(Launcher& launch, const LogitPart& part) const {
  launch_rows(launch, a_, part, RowLoss{}, logprob_, entropy_, false);
}

void TokenLogProbs::finish(Launcher& launch) const {
  if (a_.stats == nullptr) return;
  const Tokens tokens = Tokens::of(a_);
  reduce(launch, TokenStats{tokens, logprob_, entropy_, a_.stats}, tokens.count, partials_);
}

uint64_t token_log_probs_workspace(const tppo_token_log_probs_args& a, int32_t) { return loss_workspace<TokenLogProbs>(a); }

int32_t token_log_probs(const tppo_token_log_probs_args& a, const Call& call) {
  return run_loss<TokenLogProbs>("tppo_token_log_probs", a, nullptr, 0, call);
}

}  // namespace tppo::cuda
