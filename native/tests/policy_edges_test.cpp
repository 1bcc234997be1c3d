// SPDX-License-Identifier: Apache-2.0
// policy_loss where numbers are not ordinary: poison in masked slots, infinities, bad rows, empty batches, bfloat16.
#include "policy_batch.h"

using test::kInf;
using test::kNaN;
using test::PolicyBatch;

TEST(poison_in_masked_slots_changes_no_bit) {
  PolicyBatch clean(4, 6, 70, 3);
  clean.options.aggregation = TPPO_SEQ_MEAN_TOKEN_MEAN;
  clean.options.kl_coef = 0.1;
  const test::Vec<float> bits = clean.run().bits();
  for (float poison : test::kPoison) {
    PolicyBatch b = clean;
    for (int64_t i = 0; i < b.n; ++i) {
      for (int64_t j = b.v; j < b.stride; ++j) b.logits[i * b.stride + j] = poison;  // the padding of the rows
      if (b.mask[i]) continue;
      for (int64_t j = 0; j < b.v; ++j) b.logits[i * b.stride + j] = poison;
      b.old[i] = b.ref[i] = b.advantages[i] = poison;
      b.targets[i] = INT64_MIN;
    }
    CHECK(test::same_bits(b.run().bits(), bits));
  }
}

TEST(minus_infinity_off_the_target) {
  test::each_isa([] {
    for (int64_t v : {5, 64, 4200}) {
      PolicyBatch b(2, 2, v, 13);
      b.options.entropy_coef = 0.1;
      b.mask.assign(4, 1);
      for (int64_t i = 0; i < b.n; ++i)
        for (int64_t j = 0; j < v; ++j)
          // Row 0 keeps the target only; the others lose whole leading blocks and then every third entry.
          if (j != b.targets[i] && (i == 0 || j < v / 2 || j % 3 == 0)) b.logits[i * b.stride + j] = -kInf;
      for (int64_t i = 0; i < b.n; ++i) b.old[i] = static_cast<float>(b.log_prob(i, b.targets[i]) + 0.05);
      const PolicyBatch::Result r = b.run();
      CHECK(r.stats[TPPO_POLICY_BAD_ROWS] == 0.0);
      CHECK(r.logprob[0] == 0.0f && r.entropy[0] == 0.0f);
      for (int64_t i = 0; i < b.n; ++i) {
        CHECK_NEAR(r.logprob[i], b.log_prob(i, b.targets[i]), 2e-6, 2e-7);
        CHECK_NEAR(r.entropy[i], b.entropy(i), 2e-6, 1e-6);
        for (int64_t j = 0; j < v; ++j) {
          CHECK(std::isfinite(r.grad[i * v + j]));
          if (std::isinf(b.logits[i * b.stride + j])) CHECK(r.grad[i * v + j] == 0.0f);
        }
      }
    }
  });
}

TEST(minus_infinity_on_the_target) {
  PolicyBatch b(1, 1, 9, 17);
  b.mask[0] = 1;
  b.logits[b.targets[0]] = -kInf;
  const PolicyBatch::Result r = b.run();
  CHECK(r.logprob[0] == -kInf && r.stats[TPPO_POLICY_BAD_ROWS] == 0.0 && r.stats[TPPO_POLICY_CLAMPED] == 1.0);
  CHECK_NEAR(r.ratio[0], std::exp(-20.0), 0.0, 1e-6);
  for (float g : r.grad) CHECK(g == 0.0f);
}

TEST(bad_rows_are_counted_and_contained) {
  test::each_isa([] {
    for (int64_t v : {6, 64, 2100})
      for (int kind = 0; kind < 5; ++kind) {
        PolicyBatch b(2, 3, v, 23);
        b.mask.assign(6, 1);
        b.options.normalizer = 6.0;
        PolicyBatch without = b;
        without.mask[2] = 0;
        float* const row = &b.logits[2 * b.stride];
        if (kind == 0) row[v - 1] = kNaN;
        if (kind == 1) row[0] = kInf;
        if (kind == 2) std::fill(row, row + v, -kInf);
        if (kind == 3) b.advantages[2] = kNaN;
        if (kind == 4) std::fill(row, row + v, -kInf), row[v / 2] = kNaN;
        const PolicyBatch::Result r = b.run(), expected = without.run();
        CHECK(r.stats[TPPO_POLICY_BAD_ROWS] == 1.0 && r.stats[TPPO_POLICY_VALID] == 5.0);
        CHECK(r.stats[TPPO_POLICY_LOSS] == expected.stats[TPPO_POLICY_LOSS]);
        CHECK(std::isnan(r.logprob[2]) && std::isnan(r.grad[2 * v]) && std::isnan(r.grad[3 * v - 1]));
        for (int64_t j = 0; j < 6 * v; ++j)
          if (j / v != 2) CHECK(r.grad[j] == expected.grad[j]);
        b.options.zero_bad_rows = 1;
        CHECK(test::same_bits(b.run().grad, expected.grad));
      }
  });
}

TEST(nan_payloads_stay_nan) {
  test::each_isa([] {
    PolicyBatch b(1, 1, 64, 29);
    b.mask[0] = 1;
    for (uint32_t bits : {0x7fffffffu, 0xffffffffu, 0x7f800001u, 0x7fc00155u}) {
      memcpy(&b.logits[5], &bits, 4);
      CHECK(b.run().stats[TPPO_POLICY_BAD_ROWS] == 1.0);
    }
  });
}

TEST(large_logits_and_temperatures) {
  test::each_isa([] {
    PolicyBatch b(2, 4, 100, 37, 3000.0);
    b.mask.assign(8, 1);
    const PolicyBatch::Result r = b.run();
    for (int64_t i = 0; i < b.n; ++i) {
      CHECK_NEAR(r.logprob[i], b.log_prob(i, b.targets[i]), 1e-6, 1e-6);
      const std::vector<double> g = b.gradient(i);
      for (int64_t j = 0; j < b.v; ++j) CHECK_NEAR(r.grad[i * b.v + j], g[j], 1e-6, 1e-3);  // exp of a float32 log-prob of thousands
    }
  });
}

/// Every output of a batch that may hold -inf and numbers of any size, against the reference.
static void check_finite_batch(const PolicyBatch& b) {
  const PolicyBatch::Result r = b.run();
  CHECK(r.stats[TPPO_POLICY_BAD_ROWS] == 0.0);
  for (int64_t i = 0; i < b.n; ++i) {
    CHECK_NEAR(r.logprob[i], b.log_prob(i, b.targets[i]), 2e-6, 1e-6);
    CHECK_NEAR(r.entropy[i], b.entropy(i), 2e-6, 1e-5);
    const std::vector<double> g = b.gradient(i);
    for (int64_t j = 0; j < b.v; ++j) CHECK_NEAR(r.grad[i * b.v + j], g[j], 1e-6, 1e-4);
  }
}

TEST(rows_that_begin_with_minus_infinity) {
  test::each_isa([] {
    for (double entropy_coef : {0.0, 0.1})
      for (int64_t leading : {64, 90, 2048, 2100}) {
        PolicyBatch b(1, 2, leading + 52, 61);
        b.mask.assign(2, 1);
        b.options.entropy_coef = entropy_coef;
        for (int64_t i = 0; i < b.n; ++i) {
          for (int64_t j = 0; j < b.v; ++j) b.logits[i * b.stride + j] = j < leading ? -kInf : b.logits[i * b.stride + j] - 100.0f;
          b.targets[i] = leading + 7;
          b.old[i] = static_cast<float>(b.log_prob(i, b.targets[i]) + 0.05);
        }
        check_finite_batch(b);
      }
  });
}

TEST(finite_numbers_of_any_size) {
  test::each_isa([] {
    for (double temperature : {1.0, 1e-3, 1e-9, 1e9})
      for (float extreme : {3e38f, -3e38f, 3e35f, -9e28f, 1e-40f}) {
        PolicyBatch b(1, 2, 130, 67);
        b.mask.assign(2, 1);
        b.options.entropy_coef = 0.1;
        b.options.temperature = temperature;
        for (int64_t i = 0; i < b.n; ++i) {
          for (int64_t j = 0; j < b.v; ++j) b.logits[i * b.stride + j] = 0.0f;
          b.logits[i * b.stride + 5 + 64 * i] = extreme;
          b.targets[i] = extreme > 1.0f ? 5 + 64 * i : 3;
          b.old[i] = static_cast<float>(b.log_prob(i, b.targets[i]) + 0.05);
        }
        check_finite_batch(b);
      }
  });
}

TEST(log_ratio_is_clamped_and_counted) {
  PolicyBatch b(1, 4, 12, 43);
  b.mask.assign(4, 1);
  b.old[0] = -1000.0f;
  b.old[1] = 1000.0f;
  const PolicyBatch::Result r = b.run();
  CHECK_NEAR(r.ratio[0], std::exp(20.0), 0.0, 1e-6);
  CHECK_NEAR(r.ratio[1], std::exp(-20.0), 0.0, 1e-6);
  CHECK(r.stats[TPPO_POLICY_CLAMPED] == 2.0 && r.grad_logprob[0] == 0.0f && r.grad_logprob[1] == 0.0f);
  CHECK(std::isfinite(r.stats[TPPO_POLICY_LOSS]));
}

TEST(nothing_valid_and_nothing_at_all) {
  for (int32_t aggregation : {TPPO_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_SUM}) {
    PolicyBatch b(3, 2, 10, 47);
    b.options.aggregation = aggregation;
    b.mask.assign(6, 0);
    const PolicyBatch::Result r = b.run();
    for (double s : r.stats) CHECK(s == 0.0);
    for (float g : r.grad) CHECK(g == 0.0f);
    test::Vec<double> stats(TPPO_POLICY_STATS, 1.0);
    tppo_policy_loss_args a = b.options;
    a.vocab_size = 10;
    a.num_sequences = 0;
    a.stats = stats.data();
    CHECK_OK(RUN(policy_loss, a));
    for (double s : stats) CHECK(s == 0.0);
  }
}

TEST(bfloat16_logits) {
  test::each_isa([] {
    PolicyBatch b(3, 4, 133, 53);
    b.options.entropy_coef = 0.02;
    test::Vec<uint16_t> half(b.logits.size());
    for (size_t k = 0; k < half.size(); ++k) b.logits[k] = test::from_bf16(half[k] = test::to_bf16(b.logits[k]));
    const PolicyBatch::Result exact = b.run();
    PolicyBatch::Result r;
    tppo_policy_loss_args a = b.args(r);
    a.dtype = TPPO_BF16;
    a.logits = half.data();
    a.grad_logits = half.data();
    a.grad_stride = b.stride;
    CHECK_OK(RUN(policy_loss, a));
    // The same numbers in another order of summation, and a gradient rounded once more.
    for (int64_t i = 0; i < b.n; ++i) {
      CHECK_NEAR(r.logprob[i], exact.logprob[i], 1e-6, 2e-7);
      CHECK_NEAR(r.entropy[i], exact.entropy[i], 1e-6, 1e-6);
      for (int64_t j = 0; j < b.v; ++j)
        CHECK_NEAR(test::from_bf16(half[i * b.stride + j]), exact.grad[i * b.v + j], 1e-9, 0x1p-8 + 1e-5);
    }
    CHECK_NEAR(r.stats[TPPO_POLICY_LOSS], exact.stats[TPPO_POLICY_LOSS], 1e-6, 1e-6);
  });
}
