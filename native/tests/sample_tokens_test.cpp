// SPDX-License-Identifier: Apache-2.0
// sample_tokens against its definition in double.
#include <numeric>

#include "test.h"
#include "tppo_decoder.h"

namespace {

using test::Vec;

struct Sampling {
  int64_t rows = 0, vocab = 0;
  double temperature = 1.0, top_p = 1.0;
  int64_t top_k = 0;
  Vec<float> logits;
  Vec<double> uniforms;
  Vec<int32_t> ids;
  Vec<float> logprobs;
  Vec<double> stats = Vec<double>(TPPO_SAMPLE_TOKENS_STATS);

  Sampling(int64_t n, int64_t v, uint64_t seed, double scale = 3.0) : rows(n), vocab(v), ids(n, -7), logprobs(test::unwritten(n)) {
    test::Random random(seed);
    logits = random.normals(n * v, scale);
    for (int64_t i = 0; i < n; ++i) uniforms.push_back(random.uniform());
  }

  tppo_sample_tokens_args args() {
    tppo_sample_tokens_args a;
    tppo_sample_tokens_init(&a);
    a.num_rows = rows;
    a.vocab_size = vocab;
    a.temperature = temperature;
    a.top_k = top_k;
    a.top_p = top_p;
    a.logits = logits.data();
    a.uniforms = uniforms.data();
    a.ids = ids.data();
    a.logprob = logprobs.data();
    a.stats = stats.data();
    return a;
  }

  std::vector<double> probabilities(int64_t row) const {
    const float* const x = logits.data() + row * vocab;
    const double max = *std::max_element(x, x + vocab), t = temperature > 0.0 ? temperature : 1.0;
    std::vector<double> p;
    double sum = 0.0;
    for (int64_t v = 0; v < vocab; ++v) sum += p.emplace_back(std::exp((x[v] - max) / t));
    for (double& x_v : p) x_v /= sum;
    return p;
  }

  /// Runs the call and checks every row; 1e-6 of probability is left to rounding.
  void check() {
    CHECK_OK(RUN(sample_tokens, args()));
    double sum = 0.0;
    for (int64_t i = 0; i < rows; ++i) {
      const std::vector<double> p = probabilities(i);
      std::vector<int64_t> order(vocab);
      std::iota(order.begin(), order.end(), 0);
      const bool restricted = temperature > 0.0 && ((top_k > 0 && top_k < vocab) || top_p < 1.0);
      if (restricted || temperature == 0.0) std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return p[a] > p[b]; });
      const int64_t id = ids[i];
      if (id < 0 || id >= vocab) {
        CHECK(id >= 0 && id < vocab);
        continue;
      }
      CHECK_NEAR(logprobs[i], std::log(p[id]), 1e-5, 1e-6);
      sum += logprobs[i];
      if (temperature == 0.0) {
        CHECK(id == std::max_element(&logits[i * vocab], &logits[i * vocab] + vocab) - &logits[i * vocab]);
        continue;
      }
      // What is kept, at the least and at the most.
      double least = 0.0, before = 0.0;
      int64_t kept = 0;
      while (kept < vocab && (top_k == 0 || kept < top_k) && (kept == 0 || least < top_p - 1e-6)) least += p[order[kept++]];
      double most = least;
      if (kept < vocab && (top_k == 0 || kept < top_k) && least < top_p + 1e-6 && top_p < 1.0) most += p[order[kept]];
      for (const int64_t* o = order.data(); *o != id; ++o) before += p[*o];
      CHECK(p[id] > 0.0);
      CHECK(before <= uniforms[i] * most + 1e-6);
      CHECK(before + p[id] >= uniforms[i] * least - 1e-6);
    }
    CHECK_NEAR(stats[TPPO_SAMPLE_TOKENS_LOGPROB], sum, 1e-6, 1e-9);
    CHECK(stats[TPPO_SAMPLE_TOKENS_BAD_ROWS] == 0.0);
  }
};

}  // namespace

TEST(the_choice_follows_the_distribution_function) {
  test::each_isa([] {
    for (int64_t vocab : {1, 2, 63, 64, 65, 300, 2048, 5000})
      for (double temperature : {1.0, 0.3, 2.5}) {
        Sampling s(12, vocab, static_cast<uint64_t>(vocab));
        s.temperature = temperature;
        s.check();
      }
  });
}

TEST(the_choice_is_restricted_to_the_best) {
  test::each_isa([] {
    for (int64_t vocab : {3, 64, 2049})
      for (int64_t top_k : {INT64_C(0), INT64_C(1), INT64_C(7), vocab, INT64_C(9999)})
        for (double top_p : {1.0, 0.9, 0.3, 1e-9}) {
          Sampling s(12, vocab, static_cast<uint64_t>(vocab + top_k));
          s.top_k = top_k;
          s.top_p = top_p;
          s.temperature = 1.3;
          s.check();
        }
  });
}

TEST(vocabulary_of_262144_and_extreme_temperatures) {
  test::each_isa([] {
    for (double temperature : {1.0, 1e-4, 1e4}) {
      Sampling s(2, 262144, 7);
      s.temperature = temperature;
      s.check();
      s.top_k = 1000;
      s.top_p = 0.5;
      s.check();
    }
  });
}

TEST(temperature_zero_takes_the_lowest_id_of_the_largest) {
  test::each_isa([] {
    Sampling s(10, 500, 4);
    s.temperature = 0.0;
    s.top_k = 5;
    for (int64_t i = 0; i < 10; ++i) s.logits[i * 500 + 100 + i] = s.logits[i * 500 + 499] = s.logits[i * 500 + 300] = 50.0f;
    s.check();
    for (int64_t i = 0; i < 10; ++i) CHECK(s.ids[i] == 100 + i);
    tppo_sample_tokens_args a = s.args();
    a.uniforms = nullptr;
    CHECK_OK(RUN(sample_tokens, a));
  });
}

TEST(equal_tokens_are_taken_in_the_order_of_ids) {
  test::each_isa([] {
    Sampling s(4, 100, 4, 0.0);
    s.uniforms = {0.0, 0.255, 0.505, 0.9999};
    s.top_k = 4;
    CHECK_OK(RUN(sample_tokens, s.args()));
    CHECK(s.ids == Vec<int32_t>({0, 1, 2, 3}));
    s.top_k = 0;
    s.uniforms = {0.005, 0.255, 0.505, 0.9999};
    CHECK_OK(RUN(sample_tokens, s.args()));
    CHECK(s.ids == Vec<int32_t>({0, 25, 50, 99}));
  });
}

TEST(impossible_tokens_are_never_chosen) {
  test::each_isa([] {
    for (int64_t top_k : {0, 90}) {
      Sampling s(3, 200, 9);
      s.top_k = top_k;
      s.uniforms = {0.0, 0.5, std::nextafter(1.0, 0.0)};
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t v = 0; v < 200; ++v)
          if (v != 70 && v != 150) s.logits[i * 200 + v] = -test::kInf;
      s.check();
      s.logits[70] = s.logits[270] = s.logits[470] = -test::kInf;
      s.check();
      for (int32_t id : s.ids) CHECK(id == 150);
    }
  });
}

TEST(log_probs_have_the_bits_of_token_log_probs_and_rows_are_independent) {
  test::each_isa([] {
    Sampling s(50, 777, 12);
    s.temperature = 0.7;
    s.top_p = 0.95;
    s.check();
    const Vec<int64_t> targets(s.ids.begin(), s.ids.end());
    Vec<float> logprobs(50);
    tppo_token_log_probs_args a;
    tppo_token_log_probs_init(&a);
    a.num_tokens = 50;
    a.vocab_size = 777;
    a.temperature = 0.7;
    a.logits = s.logits.data();
    a.targets = targets.data();
    a.logprob = logprobs.data();
    CHECK_OK(RUN(token_log_probs, a));
    CHECK(test::same_bits(logprobs, s.logprobs));
    for (int64_t i = 0; i < 50; ++i) {
      Vec<int32_t> id(1);
      tppo_sample_tokens_args one = s.args();
      one.num_rows = 1;
      one.logits += i * 777;
      one.uniforms += i;
      one.ids = id.data();
      one.logprob = nullptr;
      one.stats = nullptr;
      CHECK_OK(RUN(sample_tokens, one));
      CHECK(id[0] == s.ids[i]);
    }
    const Vec<int32_t> expected = s.ids;
    tppo_set_threads(5);
    s.check();
    CHECK(s.ids == expected);
    tppo_set_threads(0);
  });
}

TEST(rows_without_a_distribution_are_counted) {
  test::each_isa([] {
    for (double temperature : {0.0, 1.0}) {
      Sampling s(4, 90, 2);
      s.temperature = temperature;
      s.logits[5] = test::kNaN;
      s.logits[90 + 89] = test::kInf;
      std::fill_n(s.logits.begin() + 180, 90, -test::kInf);
      CHECK_OK(RUN(sample_tokens, s.args()));
      CHECK(s.stats[TPPO_SAMPLE_TOKENS_BAD_ROWS] == 3.0);
      for (int i = 0; i < 3; ++i) CHECK(s.ids[i] == -1 && std::isnan(s.logprobs[i]));
      CHECK(s.ids[3] >= 0);
      CHECK_NEAR(s.stats[TPPO_SAMPLE_TOKENS_LOGPROB], s.logprobs[3], 1e-12, 0.0);
    }
  });
}
