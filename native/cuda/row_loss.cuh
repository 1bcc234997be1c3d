// SPDX-License-Identifier: Apache-2.0
// Which tokens a call on rows of logits handles, and what loss stands on a row's log-prob and entropy.
#pragma once

#include "../math/policy_loss.h"
#include "sequences.cuh"

namespace tppo::cuda {

/// The clipped policy loss of one token, from its log-prob and entropy alone. The row kernels work it out in float, the kernel over tokens
/// in double, as the CPU does.
template <typename T>
struct TokenLoss {
  math::PolicyToken<T> token;
  T kl_term, entropy_term;
  bool bad;

  __device__ TokenLoss(const math::PolicyOptions<T>& o, bool has_ref, T logprob, T entropy, T old_logprob, T advantage, T ref_logprob)
      : token(math::policy_token(o, logprob, old_logprob, advantage, has_ref, ref_logprob)),
        kl_term(o.kl_coef != T(0) ? o.kl_coef * token.kl : T(0)), entropy_term(o.entropy_coef != T(0) ? -o.entropy_coef * entropy : T(0)),
        bad(math::is_nan(logprob) || !math::finite(-token.objective + kl_term + entropy_term) || !math::finite(token.kl)) {}
};

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
    const TokenLoss<float> loss(options, ref_logprobs != nullptr, logprob, entropy, in.old_logprob, in.advantage, in.ref_logprob);
    return RowSlopes{in.weight * loss.token.slope, in.weight * options.entropy_coef, loss.bad};
  }
};

}  // namespace tppo::cuda
