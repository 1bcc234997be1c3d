// SPDX-License-Identifier: Apache-2.0
// The operations on values, pairs, labels and parameters with extreme settings, for one token and for several, against float64.
#include <algorithm>

#include "test.h"

using test::args_of;
using test::Vec;

TEST(value_loss_of_extreme_clips) {
  for (int64_t n : {1, 40})
    for (double clip : {-1.0, 0.0, 1e-30, 1e30})
      for (double scale : {1e-15, 1.0, 1e15})
        for (double normalizer : {0.0, 1e-12, 1e12}) {
          test::Random random(9);
          const Vec<float> values = random.normals(n, scale), old = random.normals(n, scale), returns = random.normals(n, scale);
          Vec<float> per_token = test::unwritten(n), grad = per_token;
          Vec<double> stats(TPPO_VALUE_STATS);
          auto a = args_of(tppo_value_loss_init);
          a.num_tokens = n;
          a.clip = clip;
          a.normalizer = normalizer;
          a.values = values.data();
          a.old_values = old.data();
          a.returns = returns.data();
          a.per_token = per_token.data();
          a.grad_values = grad.data();
          a.stats = stats.data();
          CHECK_OK(RUN(value_loss, a));
          const double norm = normalizer > 0.0 ? normalizer : static_cast<double>(n);
          double loss = 0.0;
          for (int64_t i = 0; i < n; ++i) {
            const double v = values[i], target = returns[i], limited = std::min(std::max(v, old[i] - clip), old[i] + clip);
            const double error = (v - target) * (v - target), clipped = (limited - target) * (limited - target);
            const bool holds = clip >= 0.0 && clipped > error;
            CHECK_NEAR(per_token[i], holds ? clipped : error, 0.0, 1e-6);
            CHECK_NEAR(grad[i], holds ? 0.0 : (v - target) / norm, 0.0, 1e-6);
            loss += 0.5 * (holds ? clipped : error) / norm;
          }
          CHECK_NEAR(stats[TPPO_VALUE_LOSS], loss, 0.0, 1e-9);
        }
}

TEST(preferences_of_extreme_beta) {
  for (int64_t n : {1, 30})
    for (double beta : {1e-30, 0.1, 1e6, 1e30}) {
      Vec<float> in[4], losses = test::unwritten(n), grad = losses, margins = losses;
      test::Random random(11);
      for (auto& x : in) x = random.normals(n, 30.0);
      Vec<double> stats(TPPO_DPO_STATS);
      auto a = args_of(tppo_dpo_loss_init);
      a.num_pairs = n;
      a.beta = beta;
      a.policy_chosen = in[0].data();
      a.policy_rejected = in[1].data();
      a.ref_chosen = in[2].data();
      a.ref_rejected = in[3].data();
      a.losses = losses.data();
      a.margins = margins.data();
      a.grad_chosen = grad.data();
      a.stats = stats.data();
      CHECK_OK(RUN(dpo_loss, a));
      double sum = 0.0;
      for (int64_t i = 0; i < n; ++i) {
        const double margin = beta * (static_cast<double>(in[0][i]) - in[2][i]) - beta * (static_cast<double>(in[1][i]) - in[3][i]);
        const double loss = margin > 0.0 ? std::log1p(std::exp(-margin)) : std::log1p(std::exp(margin)) - margin;
        CHECK_NEAR(losses[i], loss, 1e-38, 1e-6);
        CHECK_NEAR(margins[i], margin, 1e-38, 1e-6);
        CHECK_NEAR(grad[i], -beta / static_cast<double>(n) / (1.0 + std::exp(margin)), 1e-38, 1e-6);
        sum += loss / static_cast<double>(n);
      }
      CHECK_NEAR(stats[TPPO_DPO_LOSS], sum, 1e-300, 1e-9);
    }
}

namespace {

/// One or more sequences of three tokens.
void check_reward_model(int64_t sequences, double scale, const double (&weights)[3], double w_local, double w_global, int32_t reduction) {
  const int64_t n = 3 * sequences;
  test::Random random(13);
  Vec<float> logits = random.normals(3 * n, scale), sentence, nll = test::unwritten(n), grad = test::unwritten(3 * n);
  Vec<int32_t> labels;
  for (int64_t i = 0; i < n; ++i) labels.push_back(static_cast<int32_t>(random.below(3)));
  for (int64_t b = 0; b < sequences; ++b) sentence.push_back(static_cast<float>(1 + b % 2));
  Vec<double> stats(TPPO_REWARD_MODEL_STATS);
  auto a = args_of(tppo_reward_model_loss_init);
  a.num_tokens = n;
  a.num_sequences = sequences;
  a.local_reduction = reduction;
  a.global_mode = TPPO_GLOBAL_EXPECTED;
  a.w_local = w_local;
  a.w_global = w_global;
  std::copy(weights, weights + 3, a.class_weights);
  a.logits = logits.data();
  a.labels = labels.data();
  a.sentence_labels = sentence.data();
  a.weighted_nll = nll.data();
  a.grad_logits = grad.data();
  a.stats = stats.data();
  CHECK_OK(RUN(reward_model_loss, a));

  double weight = 0.0, local = 0.0, global = 0.0;
  for (int32_t label : labels) weight += weights[label];
  const double norm = reduction == TPPO_LOCAL_WEIGHTED_MEAN ? weight : static_cast<double>(sequences);
  const double inverse = norm > 0.0 ? 1.0 / norm : 0.0;
  for (int64_t b = 0; b < sequences; ++b) {
    double p[9], ln_p[9], e[3], mean = 0.0;
    for (int t = 0; t < 3; ++t) {
      const float* const z = &logits[9 * b + 3 * t];
      const double m = *std::max_element(z, z + 3);
      double s = 0.0;
      for (int c = 0; c < 3; ++c) s += std::exp(z[c] - m);
      for (int c = 0; c < 3; ++c) ln_p[3 * t + c] = z[c] - m - std::log(s), p[3 * t + c] = std::exp(ln_p[3 * t + c]);
      e[t] = p[3 * t + 1] + 2.0 * p[3 * t + 2];
      mean += e[t] / 3.0;
    }
    global += (mean - sentence[b]) * (mean - sentence[b]) / static_cast<double>(sequences);
    for (int t = 0; t < 3; ++t) {
      const int64_t i = 3 * b + t;
      const double w = weights[labels[i]];
      const double one = w == 0.0 ? 0.0 : -w * ln_p[3 * t + labels[i]];
      CHECK_NEAR(nll[i], std::fabs(one) > 3e38 ? static_cast<double>(static_cast<float>(one)) : one, 1e-38, 1e-6);
      local += inverse * one;
      const double slope = w_global * 2.0 / 3.0 / static_cast<double>(sequences) * (mean - sentence[b]);
      for (int c = 0; c < 3; ++c) {
        const double from_local = w_local * inverse * w * (p[3 * t + c] - (c == labels[i] ? 1.0 : 0.0));
        const double from_global = slope * p[3 * t + c] * (c - e[t]);
        const double size = std::fabs(from_local) + std::fabs(from_global);
        CHECK_NEAR(grad[3 * i + c], from_local + from_global, 1e-38 + 2e-7 * size + 1e-12 * w_local * inverse * w, 0.0);
      }
    }
  }
  CHECK_NEAR(stats[TPPO_REWARD_MODEL_LOCAL], local, 1e-300, 1e-9);
  if (w_global > 0.0) CHECK_NEAR(stats[TPPO_REWARD_MODEL_GLOBAL], global, 1e-15, 1e-9);  // else the labels need not be read
  CHECK_NEAR(stats[TPPO_REWARD_MODEL_LOSS], w_local * local + w_global * global, 1e-15 * w_global, 1e-9);
}

}  // namespace

TEST(reward_model_of_extreme_weights_and_logits) {
  const double class_weights[][3] = {{0.0, 0.0, 0.0}, {0.0, 1e6, 1e-6}, {1.0, 0.0, 1e6}};
  for (int64_t sequences : {1, 5})
    for (double scale : {0.0, 1.0, 1e3, 1e38})
      for (const auto& weights : class_weights)
        for (int32_t reduction : {TPPO_LOCAL_SUM_OVER_N, TPPO_LOCAL_WEIGHTED_MEAN})
          for (double w_local : {0.0, 1.0, 1e6})
            check_reward_model(sequences, scale, weights, w_local, 1e6 - w_local, reduction);
}

TEST(balance_of_extreme_ratios) {
  for (double rho : {1e-30, 3.0, 1e30}) {
    Vec<int32_t> labels(900, 1);
    for (int64_t i = 17; i < 900; i += 90) labels[i] = 2;  // ten of them
    Vec<uint8_t> out(900, 9);
    auto a = args_of(tppo_balance_mask_init);
    a.num_tokens = 900;
    a.rho = rho;
    a.labels = labels.data();
    a.out = out.data();
    CHECK_OK(RUN(balance_mask, a));
    const int64_t kept = std::count(out.begin(), out.end(), uint8_t{1});
    CHECK(out[17] == 1 && (rho < 1.0 ? kept == 10 : rho > 3.0 ? kept == 900 : kept > 20 && kept < 70));
    a.count1 = a.count2 = INT64_MAX;  // of a whole batch that is as large as can be said
    CHECK_OK(RUN(balance_mask, a));
    if (rho >= 1.0) CHECK(std::count(out.begin(), out.end(), uint8_t{1}) == 900);
  }
}

namespace {

void check_adamw(double lr, double beta1, double beta2, double eps, double decay, int64_t first) {
  const int64_t n = 21;
  test::Random random(15);
  Vec<float> p = random.normals(n), m(n, 0.0f), v(n, 0.0f);
  std::vector<double> p64(p.begin(), p.end()), m64(n, 0.0), v64(n, 0.0), moved(n, 0.0);
  for (int64_t t = first; t < first + 3; ++t) {
    Vec<float> g = random.normals(n, 0.1);
    g[3] = 0.0f;  // never has a gradient
    auto a = args_of(tppo_adamw_init);
    a.length = n;
    a.step = t;
    a.lr = lr;
    a.beta1 = beta1;
    a.beta2 = beta2;
    a.eps = eps;
    a.weight_decay = decay;
    a.grad = g.data();
    a.param = p.data();
    a.exp_avg = m.data();
    a.exp_avg_sq = v.data();
    CHECK_OK(RUN(adamw, a));
    for (int64_t i = 0; i < n; ++i) {
      m64[i] = beta1 * m64[i] + (1.0 - beta1) * g[i];
      v64[i] = beta2 * v64[i] + (1.0 - beta2) * g[i] * static_cast<double>(g[i]);
      const double root = std::sqrt(v64[i]) / std::sqrt(1.0 - std::pow(beta2, t)) + eps;
      const double step = m64[i] == 0.0 ? 0.0 : lr / (1.0 - std::pow(beta1, t)) * m64[i] / root;
      moved[i] += std::fabs(step) + std::fabs(p64[i] * lr * decay);
      p64[i] = p64[i] * (1.0 - lr * decay) - step;
    }
  }
  for (int64_t i = 0; i < n; ++i) CHECK_NEAR(p[i], p64[i], 1e-5 * moved[i] + (lr == 0.0 ? 0.0 : 3e-7), 3e-7);
}

}  // namespace

TEST(adamw_of_extreme_settings) {
  for (double lr : {0.0, 1e-3, 1e6})
    for (double beta1 : {0.0, 0.9, 1.0 - 1e-9, 1.0 - 0x1p-53})
      for (double beta2 : {0.0, 0.999, 1.0 - 1e-9, 1.0 - 0x1p-53})
        for (double eps : {0.0, 1e-300, 1e-30, 1e-8, 1e30})
          for (int64_t first : {INT64_C(1), INT64_C(1000000000000)}) {
            // 1 - beta^t would hang on the last bit of beta^t.
            if (first == 1 && std::min(1.0 - beta1, 1.0 - beta2) < 1e-12) continue;
            check_adamw(lr, beta1, beta2, eps, lr > 1.0 ? 0.0 : 0.1, first);
          }
}

TEST(norms_and_scales_of_numbers_of_any_size) {
  for (float size : {1e-37f, 1e-30f, 1.0f, 3e38f})
    for (double max_norm : {0.0, 1e-30, 1.0, 1e30}) {
      const Vec<float> x = {size, -size, 0.0f};
      const float* const tensors[] = {x.data()};
      const int64_t lengths[] = {3};
      Vec<double> stats(TPPO_NORM_STATS);
      auto a = args_of(tppo_global_norm_init);
      a.num_tensors = 1;
      a.max_norm = max_norm;
      a.tensors = tensors;
      a.lengths = lengths;
      a.stats = stats.data();
      CHECK_OK(RUN(global_norm, a));
      const double norm = std::sqrt(2.0) * size;
      CHECK_NEAR(stats[TPPO_NORM_NORM], norm, 0.0, 1e-12);
      CHECK_NEAR(stats[TPPO_NORM_SCALE], max_norm == 0.0 ? 1.0 : std::min(1.0, max_norm / (norm + 1e-6)), 0.0, 1e-12);
    }
  Vec<float> one = {2.0f};
  const Vec<double> factor = {1e-300};
  auto a = args_of(tppo_scale_init);
  a.length = 1;
  a.factor = 1e300;
  a.device_factor = factor.data();
  a.x = one.data();
  CHECK_OK(RUN(scale, a));
  CHECK_NEAR(one[0], 2.0, 0.0, 1e-6);
  a.factor = 0.0;
  CHECK_OK(RUN(scale, a));
  CHECK(one[0] == 0.0f);
}
