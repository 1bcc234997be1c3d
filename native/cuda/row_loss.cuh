// SPDX-License-Identifier: Apache-2.0
// What loss stands on a row's log-prob and entropy.
#pragma once

#include "../math/policy_loss.h"
#include "sequences.cuh"

namespace tppo::cuda {

/// What a row's loss asks of its gradient: g = d loss / d logprob, h = -d loss / d entropy.
struct RowSlopes {
  float g, h;
  bool bad;
};

/// The loss of a row: log-likelihood, or the policy loss where old_logprobs is given.
struct RowLoss {
  const float* weights;     // [N], nullable = 1; rows of weight 0 are as masked
  const int32_t* divisors;  // [N], nullable = 1: the weight is divided by it
  Normalizer normalizer;    // and by this
  const float* old_logprobs;
  const float* advantages;
  const float* ref_logprobs;  // nullable
  math::PolicyOptions<float> options;

  struct Inputs {
    float weight, old_logprob, advantage, ref_logprob;
  };

  __device__ __forceinline__ bool counts(int64_t i) const { return weights == nullptr || weights[i] != 0.0f; }

  __device__ __forceinline__ Inputs load(int64_t i) const {
    Inputs in = {};
    in.weight = normalizer.inverse();
    if (weights != nullptr) in.weight *= weights[i];
    if (divisors != nullptr) in.weight /= static_cast<float>(divisors[i]);
    if (old_logprobs == nullptr) return in;
    in.old_logprob = old_logprobs[i];
    in.advantage = advantages[i];
    if (ref_logprobs != nullptr) in.ref_logprob = ref_logprobs[i];
    return in;
  }

  __device__ __forceinline__ RowSlopes slopes(const Inputs& in, float logprob, float entropy) const {
    if (old_logprobs == nullptr) return RowSlopes{-in.weight, 0.0f, math::is_nan(logprob)};
    const math::PolicyTerm<float> loss(options, ref_logprobs != nullptr, logprob, entropy, in.old_logprob, in.advantage, in.ref_logprob);
    return RowSlopes{in.weight * loss.token.slope, in.weight * options.entropy_coef, loss.bad};
  }
};

}  // namespace tppo::cuda
