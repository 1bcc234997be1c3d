// SPDX-License-Identifier: Apache-2.0
// policy_loss against the double reference of policy_batch.h, and its promises: clips, aggregation, micro-batches, in place.
#include "policy_batch.h"

using test::PolicyBatch;
using test::Random;

/// Every output and the gradient of every row.
static void check_batch(const PolicyBatch& b) {
  const PolicyBatch::Result r = b.run();
  double loss = 0.0;
  for (int64_t i = 0; i < b.n; ++i) {
    if (!b.mask[i]) {
      CHECK(r.logprob[i] == 0.0f && r.entropy[i] == 0.0f && r.ratio[i] == 0.0f && r.objective[i] == 0.0f && r.kl[i] == 0.0f);
      for (int64_t j = 0; j < b.v; ++j) CHECK(r.grad[i * b.v + j] == 0.0f);
      continue;
    }
    const double lp = b.log_prob(i, b.targets[i]), h = b.entropy(i);
    CHECK_NEAR(r.logprob[i], lp, 2e-6, 2e-7);
    CHECK_NEAR(r.entropy[i], h, 2e-6, 1e-6);
    CHECK_NEAR(r.ratio[i], std::exp(lp - b.old[i]), 1e-5, 1e-5);
    CHECK_NEAR(r.objective[i], b.objective(std::exp(lp - b.old[i]), b.advantages[i]), 1e-5, 1e-5);
    loss += b.weight(i) * b.term(i, lp, h);
    const std::vector<double> g = b.gradient(i);
    double size = 0.0;
    for (double x : g) size = std::max(size, std::fabs(x));
    for (int64_t j = 0; j < b.v; ++j) CHECK_NEAR(r.grad[i * b.v + j], g[j], 1e-9 + 1e-5 * size, 1e-5);
  }
  CHECK_NEAR(r.stats[TPPO_POLICY_LOSS], loss, 1e-6, 1e-5);
  CHECK(r.stats[TPPO_POLICY_BAD_ROWS] == 0.0);
}

TEST(agrees_with_reference) {
  test::each_isa([] {
    for (int64_t v : {1, 2, 15, 64, 130}) check_batch(PolicyBatch(4, 5, v, 7 + v));
    check_batch(PolicyBatch(2, 3, 2500, 3));
  });
}

TEST(agrees_with_reference_for_every_option) {
  for (int32_t aggregation : {TPPO_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_SUM})
    for (int32_t estimator : {TPPO_KL_K1, TPPO_KL_K2, TPPO_KL_K3})
      for (double dual : {0.0, 1.1}) {
        PolicyBatch b(5, 4, 33, 11);
        b.options.aggregation = aggregation;
        b.options.kl_estimator = estimator;
        b.options.kl_coef = 0.3;
        b.options.dual_clip = dual;
        b.options.entropy_coef = 0.05;
        b.options.eps_low = 0.1;
        b.options.eps_high = 0.28;
        b.options.temperature = 0.7;
        check_batch(b);
        b.cu = {0, 3, 3, 9, 19, 20};  // with an empty sequence
        check_batch(b);
      }
}

TEST(counts_of_clips) {
  PolicyBatch b(8, 8, 20, 5);
  b.options.dual_clip = 1.3;
  const PolicyBatch::Result r = b.run();
  double valid = 0, high = 0, low = 0, outside = 0, dual = 0;
  for (int64_t i = 0; i < b.n; ++i) {
    if (!b.mask[i]) continue;
    const double ratio = std::exp(b.log_prob(i, b.targets[i]) - b.old[i]), a = b.advantages[i];
    valid += 1;
    high += a > 0 && ratio > 1.2;
    low += a < 0 && ratio < 0.8;
    outside += ratio > 1.2 || ratio < 0.8;
    dual += a < 0 && std::min(ratio * a, std::min(std::max(ratio, 0.8), 1.2) * a) < 1.3 * a;
  }
  CHECK(high > 0 && low > 0 && dual > 0);
  CHECK(r.stats[TPPO_POLICY_VALID] == valid && r.stats[TPPO_POLICY_NORMALIZER] == valid);
  CHECK(r.stats[TPPO_POLICY_CLIPPED] == high + low && r.stats[TPPO_POLICY_OUTSIDE] == outside);
  CHECK(r.stats[TPPO_POLICY_CLIPPED_HIGH] == high && r.stats[TPPO_POLICY_CLIPPED_LOW] == low);
  CHECK(r.stats[TPPO_POLICY_DUAL_CLIPPED] == dual);
}

TEST(unchanged_policy_has_ratio_exactly_one) {
  test::each_isa([] {
    PolicyBatch b(6, 7, 301, 9, 8.0);
    PolicyBatch::Result first = b.run();
    b.old = first.logprob;
    const PolicyBatch::Result second = b.run();
    for (int64_t i = 0; i < b.n; ++i) CHECK(second.ratio[i] == (b.mask[i] ? 1.0f : 0.0f));
    // The forward-only operation gives the same bits.
    test::Vec<float> logprob = test::unwritten(b.n), entropy = test::unwritten(b.n);
    tppo_token_log_probs_args a;
    tppo_token_log_probs_init(&a);
    a.num_tokens = b.n;
    a.vocab_size = b.v;
    a.logits_stride = b.stride;
    a.logits = b.logits.data();
    a.targets = b.targets.data();
    a.mask = b.mask.data();
    a.logprob = logprob.data();
    a.entropy = entropy.data();
    CHECK_OK(RUN(token_log_probs, a));
    CHECK(test::same_bits(logprob, second.logprob) && test::same_bits(entropy, second.entropy));
  });
}

TEST(micro_batches_add_up) {
  for (int32_t aggregation : {TPPO_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_SUM}) {
    PolicyBatch whole(6, 5, 40, 21);
    whole.options.aggregation = aggregation;
    const PolicyBatch::Result all = whole.run();
    double loss = 0.0;
    for (int64_t part = 0; part < 3; ++part) {
      PolicyBatch b = whole;
      const int64_t from = part * 10;
      b.sequences = 2;
      b.n = 10;
      b.options.normalizer = all.stats[TPPO_POLICY_NORMALIZER];
      b.logits.erase(b.logits.begin(), b.logits.begin() + from * b.stride);
      for (auto* x : {&b.old, &b.ref, &b.advantages}) x->erase(x->begin(), x->begin() + from);
      b.targets.erase(b.targets.begin(), b.targets.begin() + from);
      b.mask.erase(b.mask.begin(), b.mask.begin() + from);
      const PolicyBatch::Result r = b.run();
      loss += r.stats[TPPO_POLICY_LOSS];
      CHECK(memcmp(r.grad.data(), all.grad.data() + from * b.v, 10 * b.v * sizeof(float)) == 0);
    }
    CHECK_NEAR(loss, all.stats[TPPO_POLICY_LOSS], 1e-12, 1e-12);
  }
}

TEST(padded_equals_packed) {
  PolicyBatch padded(5, 6, 50, 31);
  padded.options.aggregation = TPPO_SEQ_MEAN_TOKEN_MEAN;
  for (int64_t i = 0; i < padded.n; ++i) padded.mask[i] = i % 6 < (i / 6 == 2 ? 0 : 1 + i / 6);  // sequence 2 is empty
  PolicyBatch packed = padded;
  packed.logits.clear();
  for (auto* x : {&packed.old, &packed.ref, &packed.advantages}) x->clear();
  packed.targets.clear();
  packed.mask.clear();
  packed.cu = {0};
  test::Vec<int64_t> source;
  for (int64_t i = 0; i < padded.n; ++i) {
    if (padded.mask[i]) {
      packed.logits.insert(packed.logits.end(), padded.logits.begin() + i * padded.stride, padded.logits.begin() + (i + 1) * padded.stride);
      packed.old.push_back(padded.old[i]);
      packed.ref.push_back(padded.ref[i]);
      packed.advantages.push_back(padded.advantages[i]);
      packed.targets.push_back(padded.targets[i]);
      packed.mask.push_back(1);
      source.push_back(i);
    }
    if (i % 6 == 5) packed.cu.push_back(static_cast<int32_t>(packed.targets.size()));
  }
  packed.n = static_cast<int64_t>(packed.targets.size());
  const PolicyBatch::Result a = padded.run(), b = packed.run();
  CHECK_NEAR(a.stats[TPPO_POLICY_LOSS], b.stats[TPPO_POLICY_LOSS], 1e-13, 1e-13);
  for (size_t k = 0; k < source.size(); ++k)
    CHECK(memcmp(&a.grad[source[k] * padded.v], &b.grad[static_cast<int64_t>(k) * padded.v], padded.v * sizeof(float)) == 0);
}

TEST(in_place_gives_the_same_bits) {
  PolicyBatch b(4, 4, 75, 41);
  b.options.entropy_coef = 0.01;
  const PolicyBatch::Result apart = b.run();
  PolicyBatch::Result r;
  tppo_policy_loss_args a = b.args(r);
  a.grad_logits = b.logits.data();
  a.grad_stride = b.stride;
  const test::Vec<float> before = b.logits;
  CHECK_OK(RUN(policy_loss, a));
  for (int64_t i = 0; i < b.n; ++i) {
    CHECK(memcmp(&b.logits[i * b.stride], &apart.grad[i * b.v], b.v * sizeof(float)) == 0);
    CHECK(memcmp(&b.logits[i * b.stride + b.v], &before[i * b.stride + b.v], (b.stride - b.v) * sizeof(float)) == 0);
  }
}

TEST(threads_change_no_bit) {
  const PolicyBatch b(32, 8, 2300, 51);
  CHECK_THREADS([&] { return b.run().bits(); });
}

/// Long rows, a few of which are a task of a thread.
TEST(a_row_has_the_same_bits_whatever_is_masked_beside_it) {
  for (int64_t v : test::kOnDevice ? std::vector<int64_t>{5000} : std::vector<int64_t>{5000, 20000, 70000}) {
    PolicyBatch b(1, 30, v, 53);
    b.options.normalizer = 7.0;
    b.options.entropy_coef = 0.05;
    const char* const mask = "110000000001101000000000000011";
    for (int64_t i = 0; i < b.n; ++i) b.mask[i] = mask[i] == '1';
    const PolicyBatch::Result together = b.run();
    CHECK_THREADS([&] { return b.run().bits(); });
    double loss = 0.0;
    for (int64_t i = 0; i < b.n; ++i) {
      if (mask[i] == '0') {
        CHECK(together.logprob[i] == 0.0f && together.grad[i * v] == 0.0f && together.grad[(i + 1) * v - 1] == 0.0f);
        continue;
      }
      PolicyBatch alone = b;
      for (int64_t k = 0; k < b.n; ++k) alone.mask[k] = k == i;
      const PolicyBatch::Result r = alone.run();
      loss += r.stats[TPPO_POLICY_LOSS];
      CHECK_NEAR(r.logprob[i], b.log_prob(i, b.targets[i]), 2e-6, 2e-7);
      CHECK(r.logprob[i] == together.logprob[i] && r.entropy[i] == together.entropy[i]);
      CHECK(memcmp(&r.grad[i * v], &together.grad[i * v], static_cast<size_t>(v) * sizeof(float)) == 0);
    }
    CHECK_NEAR(together.stats[TPPO_POLICY_LOSS], loss, 1e-12, 1e-12);
  }
}
