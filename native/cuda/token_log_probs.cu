// SPDX-License-Identifier: Apache-2.0
// Log-probability and entropy of each token, forward only.
#include "row.cuh"

namespace tppo::cuda {
namespace {

struct TokenStats {
  static constexpr int kSums = TPPO_TOKEN_LOG_PROBS_STATS;
  const uint8_t* mask;
  const float* logprob;
  const float* entropy;
  double* stats;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t i, double* sums) const {
    if (!counts(mask, i)) return;
    if (math::is_nan(logprob[i])) {
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

/// Depends on the shapes alone; an output that was asked for takes the place of its scratch.
struct Scratch {
  float* logprob;
  float* entropy;
  double* partials;

  Scratch(const tppo_token_log_probs_args& a, Workspace& w)
      : logprob(w.take<float>(a.num_tokens)), entropy(w.take<float>(a.num_tokens)), partials(w.take<double>(map_partials<TokenStats>(a.num_tokens))) {
    if (a.logprob != nullptr) logprob = a.logprob;
    if (a.entropy != nullptr) entropy = a.entropy;
  }
};

}  // namespace

void launch_no_loss(Launcher& launch, const RowArgs<float>& a, const NoLoss& head) { launch_rows(launch, a, head); }
void launch_no_loss(Launcher& launch, const RowArgs<math::bf16>& a, const NoLoss& head) { launch_rows(launch, a, head); }

uint64_t token_log_probs_workspace(const tppo_token_log_probs_args& a, int32_t) {
  Workspace w;
  Scratch scratch(a, w);
  return w.bytes();
}

int32_t token_log_probs(const tppo_token_log_probs_args& a, const Call& call) {
  if (const int32_t status = check_width("tppo_token_log_probs", a)) return status;
  Launcher launch("tppo_token_log_probs", call);
  Workspace w(call);
  const Scratch scratch(a, w);
  launch_log_probs(launch, a, NoLoss{a.mask, nullptr}, scratch.logprob, scratch.entropy);
  if (a.stats != nullptr)
    map_reduce(launch, TokenStats{a.mask, scratch.logprob, scratch.entropy, a.stats}, a.num_tokens, scratch.partials);
  return launch.status();
}

}  // namespace tppo::cuda
