// SPDX-License-Identifier: Apache-2.0
// nll_loss and token_log_probs against plain sums in double.
#include <algorithm>

#include "test.h"

namespace {

struct Batch {
  int64_t n = 40, v = 37;
  double temperature = 1.3, normalizer = 0.0;
  test::Vec<float> logits, weights;
  test::Vec<int64_t> targets;
  test::Vec<uint8_t> mask;

  explicit Batch(uint64_t seed, int64_t n_ = 40, int64_t v_ = 37) : n(n_), v(v_) {
    test::Random r(seed);
    logits = r.normals(n * v, 3.0);
    mask = r.mask(n, 0.6);
    for (int64_t i = 0; i < n; ++i) {
      targets.push_back(r.below(v));
      weights.push_back(i % 7 == 0 ? 0.0f : static_cast<float>(r.uniform()));
    }
  }
  bool counts(int64_t i) const { return mask[i] && weights[i] != 0.0f; }
  double log_prob(int64_t i, int64_t j) const {
    double m = -INFINITY, s = 0.0;
    for (int64_t k = 0; k < v; ++k) m = std::max(m, logits[i * v + k] / temperature);
    for (int64_t k = 0; k < v; ++k) s += std::exp(logits[i * v + k] / temperature - m);
    return logits[i * v + j] / temperature - m - std::log(s);
  }
  struct Result {
    test::Vec<float> logprob, grad;
    test::Vec<double> stats;
  };
  Result run() const {
    Result r{test::unwritten(n), test::unwritten(n * v), test::Vec<double>(TPPO_NLL_STATS, test::kUnwritten)};
    tppo_nll_loss_args a;
    tppo_nll_loss_init(&a);
    a.num_tokens = n;
    a.vocab_size = v;
    a.temperature = temperature;
    a.normalizer = normalizer;
    a.logits = logits.data();
    a.targets = targets.data();
    a.weights = weights.data();
    a.mask = mask.data();
    a.logprob = r.logprob.data();
    a.grad_logits = r.grad.data();
    a.stats = r.stats.data();
    CHECK_OK(RUN(nll_loss, a));
    return r;
  }
};

void check_batch(const Batch& b) {
  const Batch::Result r = b.run();
  double norm = b.normalizer, loss = 0.0, valid = 0.0;
  if (norm == 0.0)
    for (int64_t i = 0; i < b.n; ++i) norm += b.counts(i) ? b.weights[i] : 0.0;
  for (int64_t i = 0; i < b.n; ++i) {
    if (!b.counts(i)) {
      CHECK(r.logprob[i] == 0.0f);
      for (int64_t j = 0; j < b.v; ++j) CHECK(r.grad[i * b.v + j] == 0.0f);
      continue;
    }
    valid += 1.0;
    loss -= b.weights[i] * b.log_prob(i, b.targets[i]) / norm;
    CHECK_NEAR(r.logprob[i], b.log_prob(i, b.targets[i]), 2e-6, 2e-7);
    for (int64_t j = 0; j < b.v; ++j) {
      const double g = b.weights[i] / norm / b.temperature * (std::exp(b.log_prob(i, j)) - (j == b.targets[i] ? 1.0 : 0.0));
      CHECK_NEAR(r.grad[i * b.v + j], g, 1e-9, 3e-6);
    }
  }
  CHECK_NEAR(r.stats[TPPO_NLL_LOSS], loss, 1e-6, 1e-6);
  CHECK(r.stats[TPPO_NLL_VALID] == valid);
  CHECK_NEAR(r.stats[TPPO_NLL_NORMALIZER], norm, 1e-12, 1e-12);
}

}  // namespace

TEST(agrees_with_reference) {
  test::each_isa([] { check_batch(Batch(1)); });
}

TEST(negative_weights_with_a_normalizer) {
  Batch b(2);
  for (float& w : b.weights) w = -w;
  b.normalizer = 3.0;
  check_batch(b);
}

TEST(poison_where_mask_or_weight_is_zero) {
  const Batch clean(3);
  const Batch::Result expected = clean.run();
  for (float poison : test::kPoison) {
    Batch b = clean;
    for (int64_t i = 0; i < b.n; ++i) {
      if (b.counts(i)) continue;
      std::fill(&b.logits[i * b.v], &b.logits[i * b.v] + b.v, poison);
      b.targets[i] = -7;
      if (!b.mask[i]) b.weights[i] = poison;
    }
    const Batch::Result r = b.run();
    CHECK(test::same_bits(r.grad, expected.grad) && test::same_bits(r.logprob, expected.logprob) && test::same_bits(r.stats, expected.stats));
  }
}

TEST(all_masked) {
  Batch b(4);
  b.mask.assign(b.n, 0);
  for (double s : b.run().stats) CHECK(s == 0.0);
}

TEST(threads_change_no_bit) {
  const Batch b(5, 300, 1500);
  CHECK_THREADS([&] {
    const Batch::Result r = b.run();
    test::Vec<float> all = r.logprob;
    test::append(all, r.grad);
    test::append(all, r.stats);
    return all;
  });
}
