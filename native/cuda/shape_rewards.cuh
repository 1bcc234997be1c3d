// SPDX-License-Identifier: Apache-2.0
// Reward of one generated token (equations 4 and 5), with its outputs and statistics.
#pragma once

#include "../math/shape_rewards.h"
#include "sequences.cuh"

namespace tppo::cuda {

/// The formula of one token. All inputs of a token are read before its outputs are written.
struct Shape {
  tppo_shape_rewards_args args;

  /// What is read of a token, apart from its position.
  struct Inputs {
    float score, logprob, ref_logprob;
    int32_t label;
  };

  __device__ __forceinline__ Inputs load(int64_t i) const {
    Inputs in = {};
    if (args.classes == nullptr)
      in.score = args.scores[i];
    else
      in.label = args.classes[i];
    if (args.logprobs != nullptr) {
      in.logprob = args.logprobs[i];
      in.ref_logprob = args.ref_logprobs[i];
    }
    return in;
  }

  __device__ __forceinline__ double score(const Inputs& in) const {
    if (args.classes == nullptr) return in.score;
    return in.label == 0 ? args.class_values[0]
                         : in.label == 1 ? args.class_values[1] : in.label == 2 ? args.class_values[2] : static_cast<double>(NAN);
  }

  __device__ void blank(int64_t i) const { put_all(i, 0.0, 0.0, 0.0, 0.0); }

  /// A valid token at its position, with what the sequence adds to it; returns its reward. `wants_sums`: what it adds to them is wanted.
  __device__ double token(int64_t i, const Inputs& in, double position, double terminal, double* sums, bool wants_sums) const {
    const double value = score(in);
    const double lwp =
        args.length_penalty != 0 ? math::length_weight(args.alpha, position, args.suggested_length, args.length_offset) : 1.0;
    const double shaped = lwp * value;
    double kl = 0.0;
    bool clamped = false;
    if (args.logprobs != nullptr) {
      const math::LogRatio<double> d = math::log_ratio<double>(in.logprob, in.ref_logprob, args.log_ratio_clamp);
      kl = math::kl_estimate(args.kl_estimator, d.value);
      clamped = d.clamped;
    }
    const double reward = (args.kl_coef != 0.0 ? shaped - args.kl_coef * kl : shaped) + terminal;
    put_all(i, lwp, shaped, kl, reward);
    if (!wants_sums) return reward;
    sums[TPPO_SHAPE_REWARDS_CLAMPED] += clamped ? 1.0 : 0.0;
    sums[TPPO_SHAPE_REWARDS_VALID] += 1.0;
    sums[TPPO_SHAPE_REWARDS_LWP] += lwp;
    sums[TPPO_SHAPE_REWARDS_SHAPED] += shaped;
    sums[TPPO_SHAPE_REWARDS_KL] += kl;
    sums[TPPO_SHAPE_REWARDS_REWARD] += reward;
    sums[TPPO_SHAPE_REWARDS_BEYOND] += position > args.suggested_length ? 1.0 : 0.0;
    return reward;
  }

 private:
  __device__ void put_all(int64_t i, double lwp, double shaped, double kl, double reward) const {
    // One question for all: most calls want none.
    if (args.lwp == nullptr && args.shaped == nullptr && args.kl == nullptr && args.rewards == nullptr) return;
    put(args.lwp, i, lwp);
    put(args.shaped, i, shaped);
    put(args.kl, i, kl);
    put(args.rewards, i, reward);
  }
};

}  // namespace tppo::cuda
