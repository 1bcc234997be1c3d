// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "test.h"

namespace {

struct Batch {
  int64_t n, v;
  test::Vec<float> logits;
  test::Vec<int64_t> targets;
  test::Vec<uint8_t> mask;
  test::Vec<float> logprob, entropy;
  test::Vec<double> stats;

  Batch(int64_t n_, int64_t v_) : n(n_), v(v_), logprob(test::unwritten(n)), entropy(test::unwritten(n)), stats(TPPO_TOKEN_LOG_PROBS_STATS) {
    test::Random r(19);
    logits = r.normals(n * v, 4.0);
    mask = r.mask(n, 0.7);
    for (int64_t i = 0; i < n; ++i) targets.push_back(r.below(v));
  }
  tppo_token_log_probs_args args() {
    tppo_token_log_probs_args a;
    tppo_token_log_probs_init(&a);
    a.num_tokens = n;
    a.vocab_size = v;
    a.temperature = 0.5;
    a.logits = logits.data();
    a.targets = targets.data();
    a.mask = mask.data();
    a.logprob = logprob.data();
    a.entropy = entropy.data();
    a.stats = stats.data();
    return a;
  }
};

}  // namespace

TEST(agrees_with_reference) {
  test::each_isa([] {
    Batch b(17, 333);
    CHECK_OK(RUN(token_log_probs, b.args()));
    double sum = 0.0;
    for (int64_t i = 0; i < b.n; ++i) {
      if (!b.mask[i]) {
        CHECK(b.logprob[i] == 0.0f && b.entropy[i] == 0.0f);
        continue;
      }
      double s = 0.0, h = 0.0;
      for (int64_t j = 0; j < b.v; ++j) s += std::exp(2.0 * b.logits[i * b.v + j]);
      for (int64_t j = 0; j < b.v; ++j) {
        const double lp = 2.0 * b.logits[i * b.v + j] - std::log(s);
        h -= std::exp(lp) * lp;
      }
      CHECK_NEAR(b.logprob[i], 2.0 * b.logits[i * b.v + b.targets[i]] - std::log(s), 2e-6, 2e-7);
      CHECK_NEAR(b.entropy[i], h, 2e-6, 2e-6);
      sum += b.logprob[i];
    }
    CHECK_NEAR(b.stats[TPPO_TOKEN_LOG_PROBS_LOGPROB], sum, 1e-9, 0.0);
  });
}

TEST(no_mask_counts_every_token) {
  Batch b(9, 12);
  tppo_token_log_probs_args a = b.args();
  a.mask = nullptr;
  CHECK_OK(RUN(token_log_probs, a));
  CHECK(b.stats[TPPO_TOKEN_LOG_PROBS_VALID] == 9.0);
}

TEST(threads_change_no_bit) {
  Batch b(200, 3000);
  CHECK_THREADS([&] {
    CHECK_OK(RUN(token_log_probs, b.args()));
    test::Vec<float> all = b.logprob;
    test::append(all, b.entropy);
    test::append(all, b.stats);
    return all;
  });
}
