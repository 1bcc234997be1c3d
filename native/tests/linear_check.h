// SPDX-License-Identifier: Apache-2.0
// What the losses behind an output layer should give, and the checks of a batch against it.
#pragma once

#include "linear_batch.h"

namespace test {

/// Half a unit in the last place of a number of the batch, relative.
inline double rounding(const LinearBatch& b) { return b.dtype == TPPO_F32 ? 0.0 : b.dtype == TPPO_BF16 ? 0x1p-8 : 0x1p-11; }

/// Relative error of the gradient of a logit beyond that of float32, and error of a log-prob: on a device, logits and their gradients have the
/// type of the hidden states. (linear_products_test.cpp has inputs whose logits are exact.)
inline double logit_error(const LinearBatch& b) { return kOnDevice ? 16.0 * rounding(b) : 0.0; }
/// The same, absolute, where the gradient of a logit falls below the normal numbers of float16.
inline double tiny_error(const LinearBatch& b) { return kOnDevice && b.dtype == TPPO_F16 ? 0x1p-25 : 0.0; }

/// Loss, and its slopes by log-prob and entropy of each token.
struct Expected {
  double loss = 0.0;
  std::vector<LinearBatch::Row> rows;
  std::vector<double> by_logprob, by_entropy;
};

inline Expected expect_policy(const LinearBatch& b) {
  Expected x;
  for (int64_t i = 0; i < b.s.tokens; ++i) {
    x.rows.push_back(b.counts(i, false) ? b.row_of(i) : LinearBatch::Row{});
    x.by_logprob.push_back(0.0);
    x.by_entropy.push_back(0.0);
    if (!b.counts(i, false)) continue;
    const double lp = x.rows[i].logprob[b.b.targets[i]], h = x.rows[i].entropy, e = 1e-6, w = b.b.weight(i);
    x.loss += w * b.b.term(i, lp, h);
    x.by_logprob[i] = w * (b.b.term(i, lp + e, h) - b.b.term(i, lp - e, h)) / (2 * e);
    x.by_entropy[i] = -w * b.b.options.entropy_coef;
  }
  return x;
}

inline Expected expect_nll(const LinearBatch& b) {
  Expected x;
  double norm = b.b.options.normalizer;
  if (norm == 0.0)
    for (int64_t i = 0; i < b.s.tokens; ++i) norm += b.counts(i, true) ? b.token_weights[i] : 0.0;
  for (int64_t i = 0; i < b.s.tokens; ++i) {
    x.rows.push_back(b.counts(i, true) ? b.row_of(i) : LinearBatch::Row{});
    x.by_logprob.push_back(b.counts(i, true) ? -b.token_weights[i] / norm : 0.0);
    x.by_entropy.push_back(0.0);
    if (b.counts(i, true)) x.loss += x.by_logprob[i] * x.rows[i].logprob[b.b.targets[i]];
  }
  return x;
}

inline void check_rows(const LinearBatch& b, const Expected& x, const LinearBatch::Result& r) {
  for (int64_t i = 0; i < b.s.tokens; ++i) {
    const bool counts = !x.rows[i].logprob.empty();
    const double error = counts ? 2e-5 + logit_error(b) : 0.0;
    CHECK_NEAR(r.logprob[i], counts ? x.rows[i].logprob[b.b.targets[i]] : 0.0, error, 0.0);
    CHECK_NEAR(r.entropy[i], counts ? x.rows[i].entropy : 0.0, error, 0.0);
  }
}

inline void check_gradients(const LinearBatch& b, const Expected& x, const LinearBatch::Result& r) {
  const int64_t width = b.s.hidden;
  const double unit = rounding(b), relative = 2e-5 + logit_error(b), tiny = 8.0 * tiny_error(b);
  // Expected sums, and the sums of what is added, which the rounding errors follow.
  std::vector<double> weight(b.s.vocab * width, 0.0), weight_size(b.s.vocab * width, 0.0);
  for (int64_t i = 0; i < b.s.tokens; ++i) {
    std::vector<double> hidden(width, 0.0), hidden_size(width, 0.0);
    for (int64_t j = 0; j < b.s.vocab && !x.rows[i].logprob.empty(); ++j) {
      const double lp = x.rows[i].logprob[j], p = std::exp(lp);
      const double g = (x.by_logprob[i] * ((j == b.b.targets[i] ? 1.0 : 0.0) - p) - x.by_entropy[i] * p * (lp + x.rows[i].entropy)) / b.b.options.temperature;
      for (int64_t h = 0; h < width; ++h) {
        const double w = g * b.weight.get(j * width + h), y = g * b.hidden.get(i * b.stride() + h);
        hidden[h] += w;
        hidden_size[h] += std::fabs(w);
        weight[j * width + h] += y;
        weight_size[j * width + h] += std::fabs(y);
      }
    }
    for (int64_t h = 0; h < b.stride(); ++h) {
      const double found = r.grad_hidden.get(i * b.stride() + h);
      if (h >= width)
        CHECK_NEAR(found, kUnwritten, 0.0, unit);
      else
        CHECK_NEAR(found, hidden[h], relative * hidden_size[h] + (b.dtype == TPPO_F16 ? 0x1p-25 : 0.0) + tiny * static_cast<double>(b.s.vocab), unit);
    }
  }
  for (int64_t k = 0; k < b.s.vocab * width; ++k)
    CHECK_NEAR(r.grad_weight[k], b.grad_before[k] + weight[k], relative * weight_size[k] + 1e-6 * std::fabs(b.grad_before[k]) + tiny * static_cast<double>(b.s.tokens), 0.0);
}

inline void check_all(const LinearBatch& b) {
  const LinearBatch::Result policy = b.run_policy(), nll = b.run_nll(), log_probs = b.run_log_probs();
  const Expected by_policy = expect_policy(b), by_nll = expect_nll(b);
  check_rows(b, by_policy, policy);
  check_gradients(b, by_policy, policy);
  CHECK_NEAR(policy.stats[TPPO_POLICY_LOSS], by_policy.loss, 2e-5 + logit_error(b), 2e-5);
  check_rows(b, by_nll, nll);
  check_gradients(b, by_nll, nll);
  CHECK_NEAR(nll.stats[TPPO_NLL_LOSS], by_nll.loss, 2e-5 + logit_error(b), 2e-5);
  CHECK(same_bits(log_probs.logprob, policy.logprob) && same_bits(log_probs.entropy, policy.entropy));
  CHECK(log_probs.stats[TPPO_TOKEN_LOG_PROBS_LOGPROB] == policy.stats[TPPO_POLICY_LOGPROB]);
  CHECK(log_probs.stats[TPPO_TOKEN_LOG_PROBS_VALID] == policy.stats[TPPO_POLICY_VALID]);
}

}  // namespace test
