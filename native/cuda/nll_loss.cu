// SPDX-License-Identifier: Apache-2.0
// Weighted negative log-likelihood and its gradient.
#include "logit_losses.cuh"

namespace tppo::cuda {
namespace {

__device__ __forceinline__ float weight_of(const float* weights, int64_t i) { return weights == nullptr ? 1.0f : weights[i]; }

/// The default normaliser: the sum of the weights of valid tokens.
struct SumWeights {
  static constexpr int kSums = 1;
  Tokens tokens;
  const float* weights;
  Counted* counted;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t k, double* sums) const {
    const int64_t i = tokens.token(k);
    if (tokens.exists(i) && tokens.valid(i)) sums[0] += weight_of(weights, i);
  }
  __device__ void finish(const double* sums) const { *counted = Counted{sums[0], 0.0, static_cast<float>(inverse(sums[0]))}; }
};

struct NllStats {
  static constexpr int kSums = TPPO_NLL_STATS;
  Tokens tokens;
  const float* weights;
  const float* logprob;
  const float* entropy;
  Normalizer normalizer;
  double* stats;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t k, double* sums) const {
    const int64_t i = tokens.token(k);
    if (!tokens.exists(i)) {
      sums[TPPO_NLL_BAD_ROWS] += 1.0;
      return;
    }
    if (!tokens.valid(i)) return;
    const double w = weight_of(weights, i);
    if (w == 0.0) return;
    if (math::is_nan(logprob[i])) {
      sums[TPPO_NLL_BAD_ROWS] += 1.0;
      return;
    }
    sums[TPPO_NLL_LOSS] -= w * logprob[i];
    sums[TPPO_NLL_VALID] += 1.0;
    sums[TPPO_NLL_WEIGHT] += w;
    sums[TPPO_NLL_LOGPROB] += logprob[i];
    sums[TPPO_NLL_ENTROPY] += entropy[i];
  }
  __device__ void finish(const double* sums) const {
    for (int j = 0; j < kSums; ++j) stats[j] = sums[j];
    stats[TPPO_NLL_LOSS] *= inverse(normalizer.value());
    stats[TPPO_NLL_NORMALIZER] = normalizer.value();
  }
};

}  // namespace

/// The scratch depends on the shapes alone; an output that was asked for takes the place of its scratch.
NllLoss::NllLoss(const tppo_nll_loss_args& args, Workspace& w)
    : a_(args), logprob_(w.take<float>(args.num_tokens)), entropy_(w.take<float>(args.num_tokens)),
      partials_(w.take<double>(map_partials<NllStats>(args.num_tokens))),
      weight_partials_(w.take<double>(map_partials<SumWeights>(args.num_tokens))),
      counted_(w.take<Counted>(1)), normalizer_(Normalizer::of(args.normalizer)) {
  if (args.logprob != nullptr) logprob_ = args.logprob;
  if (args.entropy != nullptr) entropy_ = args.entropy;
}

void NllLoss::begin(Launcher& launch) {
  if (a_.normalizer != 0.0) return;
  const Tokens tokens = Tokens::of(a_);
  reduce(launch, SumWeights{tokens, a_.weights, counted_}, tokens.count, weight_partials_);
  normalizer_ = Normalizer::of(counted_);
}

void NllLoss::rows(Launcher& launch, const LogitPart& part) const {
  RowLoss loss = {};
  loss.weights = a_.weights;
  loss.normalizer = normalizer_;
  launch_rows(launch, a_, part, loss, logprob_, entropy_, a_.zero_bad_rows != 0);
}

void NllLoss::finish(Launcher& launch) const {
  if (a_.stats == nullptr) return;
  const Tokens tokens = Tokens::of(a_);
  reduce(launch, NllStats{tokens, a_.weights, logprob_, entropy_, normalizer_, a_.stats}, tokens.count, partials_);
}

uint64_t nll_loss_workspace(const tppo_nll_loss_args& a, int32_t) { return loss_workspace<NllLoss>(a); }

int32_t nll_loss(const tppo_nll_loss_args& a, const Call& call) {
  return run_loss<NllLoss>("tppo_nll_loss", a, a.grad_logits, a.grad_stride, call);
}

}  // namespace tppo::cuda
