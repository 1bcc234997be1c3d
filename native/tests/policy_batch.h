// SPDX-License-Identifier: Apache-2.0
// A batch for the tests of policy_loss, and what it should give, in double and as the formulas are printed.
#pragma once

#include <algorithm>

#include "test.h"

namespace test {

struct PolicyBatch {
  int64_t n, v, sequences, stride;
  tppo_policy_loss_args options;  // options only
  Vec<float> logits, old, advantages, ref;
  Vec<int64_t> targets;
  Vec<uint8_t> mask;
  Vec<int32_t> cu;  // empty = padded

  PolicyBatch(int64_t sequences_, int64_t length, int64_t v_, uint64_t seed, double scale = 2.0)
      : n(sequences_ * length), v(v_), sequences(sequences_), stride(v_ + 3) {
    tppo_policy_loss_init(&options);
    Random r(seed);
    logits = r.normals(n * stride, scale);
    advantages = r.normals(n);
    mask = r.mask(n, 0.7);
    for (int64_t i = 0; i < n; ++i) {
      targets.push_back(r.below(v));
      const double lp = log_prob(i, targets.back());
      old.push_back(static_cast<float>(lp + 0.4 * r.normal()));
      ref.push_back(static_cast<float>(lp + 0.4 * r.normal()));
    }
  }

  double z(int64_t i, int64_t j) const { return logits[i * stride + j] / options.temperature; }
  double log_prob(int64_t i, int64_t j) const {
    double m = -INFINITY, s = 0.0;
    for (int64_t k = 0; k < v; ++k) m = std::max(m, z(i, k));
    for (int64_t k = 0; k < v; ++k) s += std::exp(z(i, k) - m);
    return (z(i, j) - m) - std::log(s);
  }
  double entropy(int64_t i) const {
    double h = 0.0;
    for (int64_t k = 0; k < v; ++k) {
      const double lp = log_prob(i, k);
      if (lp > -700.0) h -= std::exp(lp) * lp;
    }
    return h;
  }
  int64_t sequence_of(int64_t i) const {
    if (cu.empty()) return i / (n / sequences);
    int64_t b = 0;
    while (cu[b + 1] <= i) ++b;
    return b;
  }
  /// Weight of token i in the loss.
  double weight(int64_t i) const {
    double tokens = 0.0;
    std::vector<double> per(sequences, 0.0);
    for (int64_t k = 0; k < n; ++k)
      if (mask[k]) tokens += 1.0, per[sequence_of(k)] += 1.0;
    double with_tokens = 0.0;
    for (double c : per) with_tokens += c > 0.0;
    const bool token_mean = options.aggregation == TPPO_TOKEN_MEAN;
    const double norm = options.normalizer > 0.0 ? options.normalizer : token_mean ? tokens : with_tokens;
    return 1.0 / norm / (options.aggregation == TPPO_SEQ_MEAN_TOKEN_MEAN ? per[sequence_of(i)] : 1.0);
  }
  double objective(double ratio, double a) const {
    const double limited = std::min(std::max(ratio, 1.0 - options.eps_low), 1.0 + options.eps_high);
    const double o = std::min(ratio * a, limited * a);
    return options.dual_clip > 0.0 && a < 0.0 ? std::max(o, options.dual_clip * a) : o;
  }
  /// The term of the loss as a function of log-prob and entropy.
  double term(int64_t i, double lp, double h) const {
    const double d = lp - ref[i];
    const double kl = options.kl_estimator == TPPO_KL_K1 ? d : options.kl_estimator == TPPO_KL_K2 ? d * d / 2 : std::exp(-d) - 1 + d;
    return -objective(std::exp(lp - old[i]), advantages[i]) + options.kl_coef * kl - options.entropy_coef * h;
  }
  /// Gradient of row i by central differences through log-prob and entropy, softmax derivative as in the textbook.
  std::vector<double> gradient(int64_t i) const {
    const double lp = log_prob(i, targets[i]), h = entropy(i), e = 1e-6;
    const double by_lp = (term(i, lp + e, h) - term(i, lp - e, h)) / (2 * e);
    std::vector<double> g(v);
    for (int64_t j = 0; j < v; ++j) {
      const double lpj = log_prob(i, j);
      const double p = std::exp(lpj);
      const double entropy_slope = p > 0.0 ? -p * (lpj + h) : 0.0;
      g[j] = weight(i) / options.temperature * (by_lp * ((j == targets[i] ? 1.0 : 0.0) - p) - options.entropy_coef * entropy_slope);
    }
    return g;
  }

  struct Result {
    Vec<float> logprob, entropy, ratio, objective, kl, grad_logprob, grad;
    Vec<double> stats;
    Vec<float> bits() const {
      Vec<float> all;
      for (const auto* x : {&logprob, &entropy, &ratio, &objective, &kl, &grad_logprob, &grad}) append(all, *x);
      append(all, stats);
      return all;
    }
  };
  tppo_policy_loss_args args(Result& r) const {
    tppo_policy_loss_args a = options;
    a.num_tokens = n;
    a.vocab_size = v;
    a.num_sequences = sequences;
    a.logits_stride = stride;
    a.logits = logits.data();
    a.targets = targets.data();
    a.old_logprobs = old.data();
    a.advantages = advantages.data();
    a.ref_logprobs = ref.data();
    a.mask = mask.data();
    a.cu_seqlens = cu.empty() ? nullptr : cu.data();
    for (auto* x : {&r.logprob, &r.entropy, &r.ratio, &r.objective, &r.kl, &r.grad_logprob}) *x = unwritten(n);
    r.grad = unwritten(n * v);
    r.stats.assign(TPPO_POLICY_STATS, kUnwritten);
    a.logprob = r.logprob.data();
    a.entropy = r.entropy.data();
    a.ratio = r.ratio.data();
    a.objective = r.objective.data();
    a.kl = r.kl.data();
    a.grad_logprob = r.grad_logprob.data();
    a.grad_logits = r.grad.data();
    a.stats = r.stats.data();
    return a;
  }
  Result run() const {
    Result r;
    const tppo_policy_loss_args a = args(r);
    CHECK_OK(RUN(policy_loss, a));
    return r;
  }
};

}  // namespace test
