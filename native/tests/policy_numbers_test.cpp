// SPDX-License-Identifier: Apache-2.0
// policy_loss with extreme settings, for one token and for several, against the formulas in double. What follows from the log-prob is computed from
// the stored one, as the header says: at a temperature of 1e-4 it is a number of ten thousands, of which float32 keeps three decimals.
#include "policy_batch.h"

using test::PolicyBatch;

namespace {

double clamped(double d, double limit) { return limit > 0.0 ? std::min(std::max(d, -limit), limit) : d; }

void check_batch(const PolicyBatch& b) {
  const PolicyBatch::Result r = b.run();
  const tppo_policy_loss_args& o = b.options;
  double loss = 0.0, size = 0.0;
  for (int64_t i = 0; i < b.n; ++i) {
    const double lp = r.logprob[i], h = b.entropy(i), a = b.advantages[i], w = b.weight(i);
    CHECK_NEAR(lp, b.log_prob(i, b.targets[i]), 2e-6, 2e-7);
    CHECK_NEAR(r.entropy[i], h, 2e-6, 2e-6);
    const double d = clamped(lp - b.old[i], o.log_ratio_clamp), ratio = std::exp(d), free = ratio * a;
    const double clip = std::min(std::max(ratio, 1.0 - o.eps_low), 1.0 + o.eps_high) * a;
    double objective = std::min(free, clip), slope = clip < free || d != lp - b.old[i] ? 0.0 : -free;
    if (o.dual_clip > 0.0 && a < 0.0 && objective < o.dual_clip * a) objective = o.dual_clip * a, slope = 0.0;
    const double to_ref = clamped(lp - b.ref[i], o.log_ratio_clamp);
    const double kl = o.kl_estimator == TPPO_KL_K1 ? to_ref : o.kl_estimator == TPPO_KL_K2 ? to_ref * to_ref / 2 : std::exp(-to_ref) - 1 + to_ref;
    const double kl_slope = o.kl_estimator == TPPO_KL_K1 ? 1.0 : o.kl_estimator == TPPO_KL_K2 ? to_ref : 1.0 - std::exp(-to_ref);
    if (to_ref == lp - b.ref[i]) slope += o.kl_coef * kl_slope;
    CHECK_NEAR(r.ratio[i], ratio, 0.0, 1e-6);
    CHECK_NEAR(r.objective[i], objective, 0.0, 1e-6);
    CHECK_NEAR(r.kl[i], kl, 1e-9, 1e-6);
    const double part = std::fabs(objective) + std::fabs(o.kl_coef) * (1.0 + std::fabs(kl)) + std::fabs(o.entropy_coef) * (1.0 + h);
    CHECK_NEAR(r.grad_logprob[i], w * slope, w * part * 1e-6, 1e-6);
    loss += w * (-objective + o.kl_coef * kl - o.entropy_coef * h);
    size += w * part;
    for (int64_t j = 0; j < b.v; ++j) {
      const double lpj = b.log_prob(i, j), p = std::exp(lpj);
      const double g = slope * ((j == b.targets[i] ? -std::expm1(lpj) : -p)) + (p > 0.0 ? o.entropy_coef * p * (lpj + h) : 0.0);
      const double largest = std::fabs(slope) + std::fabs(o.entropy_coef) * (1.0 + h);
      CHECK_NEAR(r.grad[i * b.v + j], w / o.temperature * g, 5e-6 * w / o.temperature * largest, 0.0);
    }
  }
  CHECK(r.stats[TPPO_POLICY_BAD_ROWS] == 0.0 && r.stats[TPPO_POLICY_VALID] == static_cast<double>(b.n));
  CHECK_NEAR(r.stats[TPPO_POLICY_LOSS], loss, 2e-6 * size, 0.0);
}

/// Old and reference log-probs near those of the batch at its temperature.
PolicyBatch batch(int64_t n, int64_t v, double temperature, double distance) {
  PolicyBatch b(1, n, v, 71);
  b.mask.assign(n, 1);
  b.options.temperature = temperature;
  test::Random r(73);
  for (int64_t i = 0; i < n; ++i) {
    const double lp = b.log_prob(i, b.targets[i]);
    b.old[i] = static_cast<float>(lp + distance * r.normal());
    b.ref[i] = static_cast<float>(lp + distance * r.normal());
  }
  return b;
}

}  // namespace

TEST(one_token) {
  test::each_isa([] {
    for (int64_t v : {1, 2, 65})
      for (double temperature : {1.0, 1e-4, 1e4}) check_batch(batch(1, v, temperature, 0.3));
  });
}

TEST(clips_from_nothing_to_everything) {
  test::each_isa([] {
    for (double low : {0.0, 1.0})
      for (double high : {0.0, 1e30})
        for (double dual : {0.0, 1.0 + 1e-6, 1e30}) {
          PolicyBatch b = batch(7, 50, 0.9, 1.5);
          b.options.eps_low = low;
          b.options.eps_high = high;
          b.options.dual_clip = dual;
          check_batch(b);
        }
  });
}

TEST(coefficients_from_nothing_to_millions) {
  test::each_isa([] {
    for (double kl_coef : {0.0, 1e6, -1e6, 1e-30})
      for (double entropy_coef : {0.0, 1e6, -1e6})
        for (int32_t estimator : {TPPO_KL_K1, TPPO_KL_K2, TPPO_KL_K3}) {
          PolicyBatch b = batch(5, 40, 1.1, 0.5);
          b.options.kl_coef = kl_coef;
          b.options.entropy_coef = entropy_coef;
          b.options.kl_estimator = estimator;
          check_batch(b);
        }
  });
}

TEST(temperatures_normalizers_and_clamps) {
  test::each_isa([] {
    for (double temperature : {1e-4, 1e-2, 1e4})
      for (double normalizer : {0.0, 1e-6, 1e12})
        for (double clamp : {0.0, 1e-3, 80.0}) {
          PolicyBatch b = batch(5, 40, temperature, 2.0);
          b.options.normalizer = normalizer;
          b.options.log_ratio_clamp = clamp;
          b.options.entropy_coef = 0.01;
          check_batch(b);
        }
  });
}
