// SPDX-License-Identifier: Apache-2.0
// The losses behind an output layer at the edges: a vocabulary of 262144, one token, extreme temperatures and coefficients.
#include "linear_check.h"

using test::check_all;
using test::LinearBatch;

TEST(vocabulary_of_262144) {
  ONLY_ON_CPU("rows_test has such rows on a device, and the products of few logits are as those of many");
  LinearBatch b({3, 2, 262144, 0, 0}, TPPO_F32, 3);
  b.b.mask = {1, 0, 1};
  b.b.options.entropy_coef = 0.01;
  test::each_isa([&] { check_all(b); });
}

TEST(one_token_of_every_type) {
  for (int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16})
    for (int64_t vocab : {1, 2, 300}) {
      LinearBatch b({1, 5, vocab, 2, 0}, dtype, 5);
      b.b.mask = {1};
      b.token_weights = {0.7f};
      b.b.options.eps_low = 1.0, b.b.options.eps_high = 100.0;  // a rounded logit may cross a clip's edge
      b.anchor(5);
      test::each_isa([&] { check_all(b); });
    }
}

/// Gradients as large as the coefficients, which the tolerances follow.
TEST(extreme_coefficients_and_temperatures) {
  for (double temperature : {1e4, 0.05})
    for (double coefficient : {0.0, 1e6}) {
      LinearBatch b({9, 7, 60, 0, 0}, TPPO_F32, 7);
      b.b.options.temperature = temperature;
      b.b.options.kl_coef = coefficient;
      b.b.options.kl_estimator = TPPO_KL_K1;  // whose slope does not enlarge the rounding of a log-prob
      b.b.options.entropy_coef = coefficient;
      b.b.options.normalizer = coefficient == 0.0 ? 0.0 : 1e6;
      b.b.options.eps_high = 1e30;
      b.b.options.eps_low = 1.0;
      b.anchor(7);
      test::each_isa([&] { check_all(b); });
    }
}
