// SPDX-License-Identifier: Apache-2.0
// The operations on rewards at the edges, against float64: no token, one, a hundred thousand; settings from nothing to everything. Those on logits
// have policy_numbers_test, linear_numbers_test and rows_test, those on values, labels and parameters training_numbers_test.
#include <algorithm>

#include "test.h"

using test::args_of;
using test::Vec;

/// A call on no token leaves 0 in every statistic. `a` has all else.
#define CHECK_NOTHING(op, a, count)                                  \
  do {                                                               \
    Vec<double> none(count, test::kUnwritten);                       \
    (a).stats = none.data();                                         \
    CHECK_OK(RUN(op, a));                                            \
    for (double s : none) CHECK(s == 0.0);                           \
  } while (0)

TEST(no_token_of_any_operation) {
  Vec<float> in = {test::kNaN}, out = {test::kUnwritten};
  Vec<int32_t> labels = {7};
  Vec<int32_t> cu = {0, 0, 0};
  for (int64_t sequences : {0, 2}) {
    const int32_t* const starts = sequences == 0 ? nullptr : cu.data();
    auto shape = args_of(tppo_shape_rewards_init);
    shape.num_sequences = sequences;
    shape.cu_seqlens = starts;
    shape.scores = in.data();
    shape.rewards = out.data();
    CHECK_NOTHING(shape_rewards, shape, TPPO_SHAPE_REWARDS_STATS);
    auto gae = args_of(tppo_gae_init);
    gae.num_sequences = sequences;
    gae.cu_seqlens = starts;
    gae.rewards = gae.values = in.data();
    gae.advantages = out.data();
    CHECK_OK(RUN(gae, gae));
    auto balance = args_of(tppo_balance_mask_init);
    Vec<uint8_t> kept = {9};
    balance.num_sequences = sequences;
    balance.cu_seqlens = starts;
    balance.labels = labels.data();
    balance.out = kept.data();
    CHECK_NOTHING(balance_mask, balance, TPPO_BALANCE_STATS);
    auto reward = args_of(tppo_reward_model_loss_init);
    Vec<float> sentence = {test::kNaN, test::kNaN}, means = test::unwritten(2);
    reward.num_sequences = sequences;
    reward.cu_seqlens = starts;
    reward.logits = in.data();
    reward.labels = labels.data();
    reward.sentence_labels = sentence.data();
    reward.mean_argmax = means.data();
    for (int32_t reduction : {TPPO_LOCAL_SUM_OVER_N, TPPO_LOCAL_WEIGHTED_MEAN}) {
      reward.local_reduction = reduction;
      CHECK_NOTHING(reward_model_loss, reward, TPPO_REWARD_MODEL_STATS);
      for (int64_t b = 0; b < sequences; ++b) CHECK(means[b] == 0.0f);
    }
  }
  auto nll = args_of(tppo_nll_loss_init);
  Vec<int64_t> targets = {-3};
  nll.vocab_size = 5;
  nll.logits = in.data();
  nll.targets = targets.data();
  CHECK_NOTHING(nll_loss, nll, TPPO_NLL_STATS);
  auto scale = args_of(tppo_scale_init);
  scale.x = out.data();
  CHECK_OK(RUN(scale, scale));
  auto adamw = args_of(tppo_adamw_init);
  Vec<float> p = out, m = out, v = out;
  adamw.grad = in.data();
  adamw.param = p.data();
  adamw.exp_avg = m.data();
  adamw.exp_avg_sq = v.data();
  CHECK_OK(RUN(adamw, adamw));
  CHECK(out[0] == test::kUnwritten && p[0] == test::kUnwritten && m[0] == test::kUnwritten && v[0] == test::kUnwritten);
}

namespace {

struct Shaping {
  tppo_shape_rewards_args options = args_of(tppo_shape_rewards_init);
  int64_t n;
  Vec<float> scores, logprobs, ref, terminal;

  Shaping(int64_t n_, uint64_t seed) : n(n_) {
    test::Random r(seed);
    scores = r.normals(n);
    logprobs = r.normals(n);
    ref = r.normals(n);
    terminal = r.normals(1);
    options.suggested_length = 3.0;
  }
  void check() {
    Vec<float> lwp = test::unwritten(n), kl = lwp, rewards = lwp;
    Vec<double> stats(TPPO_SHAPE_REWARDS_STATS);
    tppo_shape_rewards_args a = options;
    a.num_tokens = n;
    a.scores = scores.data();
    a.logprobs = logprobs.data();
    a.ref_logprobs = ref.data();
    a.terminal_rewards = terminal.data();
    a.lwp = lwp.data();
    a.kl = kl.data();
    a.rewards = rewards.data();
    a.stats = stats.data();
    CHECK_OK(RUN(shape_rewards, a));
    double sum = 0.0, largest = 0.0;
    for (int64_t i = 0; i < n; ++i) {
      const double z = a.alpha * (static_cast<double>(i + 1) - a.suggested_length) - a.length_offset;
      const double weight = a.length_penalty ? 1.0 / (1.0 + std::exp(z)) : 1.0;
      double d = static_cast<double>(logprobs[i]) - ref[i];
      if (a.log_ratio_clamp > 0.0) d = std::min(std::max(d, -a.log_ratio_clamp), a.log_ratio_clamp);
      const double estimate = a.kl_estimator == TPPO_KL_K1 ? d : a.kl_estimator == TPPO_KL_K2 ? d * d / 2 : std::expm1(-d) + d;
      const double reward = weight * scores[i] - a.kl_coef * estimate + (i == n - 1 ? terminal[0] : 0.0f);
      CHECK_NEAR(lwp[i], weight, 1e-38, 1e-6);
      CHECK_NEAR(kl[i], estimate, 1e-12, 2e-7);
      CHECK_NEAR(rewards[i], reward, 2e-7 * (std::fabs(weight * scores[i]) + std::fabs(a.kl_coef * estimate) + 1.0), 0.0);
      sum += reward;
      largest = std::max(largest, std::fabs(reward));
    }
    CHECK_NEAR(stats[TPPO_SHAPE_REWARDS_REWARD], sum, 1e-9 * largest, 0.0);
  }
};

}  // namespace

TEST(rewards_of_extreme_penalties) {
  for (int64_t n : {1, 9})
    for (double alpha : {0.0, 2.0, 1e3, 1e6})
      for (double kl_coef : {0.0, 1e6})
        for (double suggested : {0.0, 4.0, 1e15})
          for (int32_t estimator : {TPPO_KL_K1, TPPO_KL_K2, TPPO_KL_K3}) {
            Shaping s(n, 3);
            s.options.alpha = alpha;
            s.options.kl_coef = kl_coef;
            s.options.suggested_length = suggested;
            s.options.kl_estimator = estimator;
            s.check();
            for (float& x : s.logprobs) x *= 1000.0f;  // clamped
            s.check();
          }
}

namespace {

/// Sequences of any lengths, packed, with holes, through shape_rewards, gae and whiten in one call, and gae alone.
void check_advantages(const Vec<int32_t>& cu, bool padded, double gamma, double lambda) {
  const int64_t sequences = static_cast<int64_t>(cu.size()) - 1, n = cu.back();
  test::Random random(5);
  Vec<float> scores = random.normals(n), values = random.normals(n), rewards = test::unwritten(n), advantages = rewards, returns = rewards;
  const Vec<uint8_t> mask = n == 1 ? Vec<uint8_t>{1} : random.mask(n, 0.8);
  auto shape = args_of(tppo_shape_rewards_init);
  shape.num_tokens = n;
  shape.num_sequences = sequences;
  shape.length_penalty = 0;
  shape.scores = scores.data();
  shape.mask = mask.data();
  shape.cu_seqlens = padded ? nullptr : cu.data();
  auto gae = args_of(tppo_gae_init);
  gae.num_tokens = n;
  gae.num_sequences = sequences;
  gae.gamma = gamma;
  gae.lambda = lambda;
  gae.values = values.data();
  gae.mask = mask.data();
  gae.cu_seqlens = shape.cu_seqlens;
  gae.advantages = advantages.data();
  gae.returns = returns.data();
  auto whiten = args_of(tppo_whiten_init);
  whiten.num_tokens = n;
  whiten.mask = mask.data();

  std::vector<double> expected(n, 0.0);
  double largest = 0.0, count = 0.0, mean = 0.0, squares = 0.0;
  for (int64_t b = 0; b < sequences; ++b) {
    double next = 0.0, next_value = 0.0;
    for (int64_t i = cu[b + 1] - 1; i >= cu[b]; --i) {
      if (!mask[i]) continue;
      next = scores[i] + gamma * next_value - values[i] + gamma * lambda * next;
      next_value = values[i];
      expected[i] = next;
      largest = std::max(largest, std::fabs(next));
      count += 1.0;
      mean += next;
    }
  }
  mean /= count;
  for (int64_t i = 0; i < n; ++i)
    if (mask[i]) squares += (expected[i] - mean) * (expected[i] - mean);
  const double deviation = std::sqrt((count > 1.0 ? squares / (count - 1.0) : 0.0) + 1e-8);

  const double error = 1e-6 * std::max(1.0, largest);
  gae.rewards = scores.data();
  CHECK_OK(RUN(gae, gae));
  for (int64_t i = 0; i < n; ++i) {
    CHECK_NEAR(advantages[i], expected[i], error, 0.0);
    CHECK_NEAR(returns[i], mask[i] ? expected[i] + values[i] : 0.0, error, 0.0);
  }
  gae.rewards = nullptr;
  uint64_t bytes = 0;
  CHECK_OK(tppo_token_advantages_workspace(&shape, &gae, &whiten, test::kDevice, &bytes));
  Vec<unsigned char> workspace(bytes + 1, 0xff);
  CHECK_OK(test::finished(tppo_token_advantages(&shape, &gae, &whiten, test::kDevice, nullptr, workspace.data() + 1, bytes)));
  for (int64_t i = 0; i < n; ++i) {
    CHECK_NEAR(advantages[i], mask[i] ? (expected[i] - mean) / deviation : 0.0, 2.0 * error / deviation, 0.0);
    CHECK_NEAR(returns[i], mask[i] ? expected[i] + values[i] : 0.0, error, 0.0);
  }
}

}  // namespace

TEST(advantages_of_a_hundred_thousand_tokens) {
  test::each_isa([] {
    for (double gamma : {1.0, 0.0})
      for (double lambda : {1.0, 0.95, 0.0}) {
        if (gamma == 0.0 && lambda == 0.95) continue;
        check_advantages({0, 100000}, true, gamma, lambda);
        check_advantages({0, 0, 1, 100001, 100001, 100008}, false, gamma, lambda);
      }
    check_advantages({0, 50000, 100000}, true, 1.0 - 1e-9, 1.0 - 1e-9);
  });
}

TEST(advantages_of_one_token) {
  test::each_isa([] {
    for (double gamma : {1.0, 0.0})
      for (double lambda : {1.0, 0.0}) check_advantages({0, 1}, gamma == 1.0, gamma, lambda);
  });
}

TEST(whitening_of_numbers_of_any_size) {
  for (int64_t n : {1, 2, 500})
    for (double scale : {1e-30, 1.0, 1e30})
      for (double epsilon : {0.0, 1e-8, 1e30}) {
        Vec<float> x = test::Random(7).normals(n, scale), out = test::unwritten(n);
        auto a = args_of(tppo_whiten_init);
        a.num_tokens = n;
        a.epsilon = epsilon;
        a.x = x.data();
        a.out = out.data();
        CHECK_OK(RUN(whiten, a));
        double mean = 0.0, squares = 0.0;
        for (float v : x) mean += v / static_cast<double>(n);
        for (float v : x) squares += (v - mean) * (v - mean);
        const double root = std::sqrt((n > 1 ? squares / static_cast<double>(n - 1) : 0.0) + epsilon);
        for (int64_t i = 0; i < n; ++i) CHECK_NEAR(out[i], root > 0.0 ? (x[i] - mean) / root : 0.0, n == 1 ? 0.0 : 1e-37, 1e-6);
      }
}
