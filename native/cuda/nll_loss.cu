// SPDX-License-Identifier: Apache-2.0
// Weighted negative log-likelihood and its gradient.
#include "row.cuh"

namespace tppo::cuda {
namespace {

__device__ __forceinline__ float weight_of(const float* weights, int64_t i) { return weights == nullptr ? 1.0f : weights[i]; }

/// The default normaliser: the sum of the weights of valid tokens.
struct SumWeights {
  static constexpr int kSums = 1;
  const uint8_t* mask;
  const float* weights;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t i, double* sums) const {
    if (counts(mask, i)) sums[0] += weight_of(weights, i);
  }
};

struct NllHead {
  static constexpr bool kGradient = true;
  struct Inputs {
    float weight;
  };
  const uint8_t* mask;
  const float* weights;
  Normalizer normalizer;
  float inverse_normalizer;

  __device__ void begin(double* shared) { inverse_normalizer = static_cast<float>(inverse(normalizer.value(shared))); }
  __device__ bool counts(int64_t row) const { return tppo::cuda::counts(mask, row) && weight_of(weights, row) != 0.0f; }
  __device__ Inputs load(int64_t row) const { return Inputs{weight_of(weights, row)}; }
  __device__ RowSlopes slopes(const Inputs& in, float logprob, float) const {
    return RowSlopes{-in.weight * inverse_normalizer, 0.0f, math::is_nan(logprob)};
  }
};

struct NllStats {
  static constexpr int kSums = TPPO_NLL_STATS;
  const uint8_t* mask;
  const float* weights;
  const float* logprob;
  const float* entropy;
  Normalizer normalizer;
  double* stats;
  double divisor;

  __device__ void begin(double* shared) { divisor = normalizer.value(shared); }
  __device__ void element(int64_t i, double* sums) const {
    if (!counts(mask, i)) return;
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
    stats[TPPO_NLL_LOSS] *= inverse(divisor);
    stats[TPPO_NLL_NORMALIZER] = divisor;
  }
};

/// Depends on the shapes alone; an output that was asked for takes the place of its scratch.
struct Scratch {
  float* logprob;
  float* entropy;
  double* weight_partials;
  double* partials;

  Scratch(const tppo_nll_loss_args& a, Workspace& w)
      : logprob(w.take<float>(a.num_tokens)), entropy(w.take<float>(a.num_tokens)),
        weight_partials(w.take<double>(map_partials<SumWeights>(a.num_tokens))), partials(w.take<double>(map_partials<NllStats>(a.num_tokens))) {
    if (a.logprob != nullptr) logprob = a.logprob;
    if (a.entropy != nullptr) entropy = a.entropy;
  }
};

Normalizer sum_weights(Launcher& launch, const tppo_nll_loss_args& a, double* partials) {
  if (a.normalizer != 0.0) return Normalizer{a.normalizer, nullptr, 0};
  map(launch, SumWeights{a.mask, a.weights}, a.num_tokens, partials);
  return Normalizer{0.0, partials, map_blocks(a.num_tokens)};
}

}  // namespace

uint64_t nll_loss_workspace(const tppo_nll_loss_args& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.bytes();
}

int32_t nll_loss(const tppo_nll_loss_args& a, const Call& call) {
  if (const int32_t status = check_width("tppo_nll_loss", a)) return status;
  Launcher launch("tppo_nll_loss", call);
  Workspace w(call);
  const Scratch scratch(a, w);
  const Normalizer normalizer = sum_weights(launch, a, scratch.weight_partials);
  const NllHead head{a.mask, a.weights, normalizer, 0.0f};
  if (a.grad_logits == nullptr)
    launch_log_probs(launch, a, NoLoss{a.mask, a.weights}, scratch.logprob, scratch.entropy);
  else if (a.dtype == TPPO_BF16)
    launch_gradient<math::bf16>(launch, a, head, scratch.logprob, scratch.entropy);
  else
    launch_gradient<float>(launch, a, head, scratch.logprob, scratch.entropy);
  if (a.stats != nullptr)
    map_reduce(launch, NllStats{a.mask, a.weights, scratch.logprob, scratch.entropy, normalizer, a.stats, 0.0}, a.num_tokens, scratch.partials);
  return launch.status();
}

}  // namespace tppo::cuda
