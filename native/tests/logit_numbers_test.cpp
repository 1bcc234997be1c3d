// SPDX-License-Identifier: Apache-2.0
// Logits of any size at any temperature, and certain tokens, against sums in double.
#include "linear_batch.h"

namespace {

using test::kInf;
using test::Numbers;
using test::Vec;

constexpr float kAdvantage = 1.5f;

struct Row {
  int64_t v, target;
  int32_t dtype;
  double temperature, entropy_coef;
  Numbers logits, grad;
  float logprob = test::kUnwritten, entropy = test::kUnwritten;

  Row(int64_t v_, int32_t dtype_, double temperature_, double entropy_coef_)
      : v(v_), target(v_ / 3), dtype(dtype_), temperature(temperature_), entropy_coef(entropy_coef_), logits(dtype_, v_), grad(dtype_, v_) {}

  void run() {
    Vec<float> advantages = {kAdvantage}, old = {0.0f}, logprobs = {logprob}, entropies = {entropy};
    Vec<int64_t> targets = {target};
    tppo_policy_loss_args a = test::args_of(tppo_policy_loss_init);
    a.num_tokens = 1;
    a.vocab_size = v;
    a.dtype = dtype;
    a.temperature = temperature;
    a.entropy_coef = entropy_coef;
    a.eps_low = 1.0;
    a.eps_high = 1e30;  // nothing is clipped
    a.log_ratio_clamp = 20.0;
    a.logits = logits.data();
    a.grad_logits = grad.data();
    a.targets = targets.data();
    a.old_logprobs = old.data();
    a.advantages = advantages.data();
    a.logprob = logprobs.data();
    a.entropy = entropies.data();
    CHECK_OK(RUN(policy_loss, a));
    logprob = logprobs[0];
    entropy = entropies[0];
  }

  void check() {
    run();
    double most = -INFINITY, sum = 0.0, expected_entropy = 0.0;
    for (int64_t j = 0; j < v; ++j) most = std::max(most, logits.get(j));
    for (int64_t j = 0; j < v; ++j) sum += std::exp((logits.get(j) - most) / temperature);
    const auto log_p = [&](int64_t j) { return (logits.get(j) - most) / temperature - std::log(sum); };
    for (int64_t j = 0; j < v; ++j) expected_entropy -= std::exp(log_p(j)) > 0.0 ? std::exp(log_p(j)) * log_p(j) : 0.0;
    CHECK_NEAR(logprob, static_cast<float>(log_p(target)), 6e-6, 1e-6);
    CHECK_NEAR(entropy, expected_entropy, 2e-5, 1e-5);
    CHECK(logprob <= 0.0f);
    // Beyond the clamp the log-ratio has no gradient.
    const double slope = log_p(target) < -20.0 ? 0.0 : -kAdvantage * std::exp(log_p(target));
    for (int64_t j = 0; j < v; ++j) {
      const double p = std::exp(log_p(j)), by_entropy = p > 0.0 ? entropy_coef * p * (log_p(j) + expected_entropy) : 0.0;
      const double expected = (slope * ((j == target ? 1.0 : 0.0) - p) + by_entropy) / temperature;
      if (std::fabs(expected) < (dtype == TPPO_F16 ? 6e4 : 1e38)) CHECK_NEAR(grad.get(j), expected, 2e-5 / temperature + (dtype == TPPO_F16 ? 1e-7 : 0.0), dtype == TPPO_F32 ? 2e-5 : 5e-3);
    }
  }
};

}  // namespace

TEST(logits_of_any_size_at_any_temperature) {
  test::each_isa([] {
    test::Random r(5);
    for (int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16})
      for (double temperature : {1.0, 1e-3, 0x1p-16, 1e-9, 1e9})
        for (float most : {3.0f, 10.0f, 63.0f, -63.0f, 1000.0f, 49152.0f, -49152.0f, 3221225472.0f, 1e12f, 1e20f, 3e38f, -3e38f})
          for (double entropy_coef : {0.0, 0.1})
            for (int64_t v : {70, 2200}) {
              if (dtype == TPPO_F16 && std::fabs(most) > 6e4f) continue;
              Row row(v, dtype, temperature, entropy_coef);
              // Some beside the largest, some a step or two of the type below it, the target far away or not.
              for (int64_t j = 0; j < v; ++j) row.logits.set(j, most * (most > 0.0f ? 1.0f - 0.004f * static_cast<float>(r.below(3)) : 1.0f + 0.004f * static_cast<float>(r.below(3))));
              row.logits.set(v / 2, most);
              if (r.below(2) == 0) row.target = v / 2;
              row.check();
            }
  });
}

TEST(a_certain_token_has_log_probability_0) {
  test::each_isa([] {
    for (int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16})
      for (double temperature : {1.0, 0.7, 0x1p-16})
        for (float most : {10.0f, 0.3f, -7.0f, 1000.0f, 49152.0f})
          for (int64_t v : {1, 70, 2200}) {
            Row row(v, dtype, temperature, 0.1);
            for (int64_t j = 0; j < v; ++j) row.logits.set(j, j == row.target ? most : -kInf);
            row.run();
            CHECK(row.logprob == 0.0f && row.entropy == 0.0f);
            for (int64_t j = 0; j < v; ++j) CHECK(row.grad.get(j) == 0.0);
          }
  });
}

TEST(entropy_gradient_of_a_confident_row) {
  // Its largest logit has a gradient far below p, and of the sign that takes probability from it.
  test::each_isa([] {
    for (int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16})
      for (float most : {6.0f, 49.5f, 88.0f, -49.5f, 700.3f, 12345.678f, 1e6f})
        for (int64_t target : {733, 1024}) {  // 1024: wherever vectors have up to 1024 elements it is added to what the largest gives
          if (dtype != TPPO_F32 && most > 100.0f) continue;  // the type's steps are too wide
          Row row(2200, dtype, 1.0, 1.0);
          row.target = target;
          for (int64_t j = 0; j < row.v; ++j) row.logits.set(j, most - 100.0f);
          row.logits.set(0, most);
          row.logits.set(row.target, most - 21.0f);
          row.run();
          const double q = std::exp(row.logits.get(row.target) - row.logits.get(0)), p = 1.0 / (1.0 + q);
          const double entropy = -p * std::log(p) - q * p * std::log(q * p), expected = p * (std::log(p) + entropy);
          CHECK_NEAR(row.grad.get(0), expected, dtype == TPPO_F16 ? 3e-8 : 0.0, 1e-2);
          CHECK_NEAR(row.grad.get(row.target), -expected, dtype == TPPO_F16 ? 3e-8 : 0.0, 1e-2);
        }
  });
}
