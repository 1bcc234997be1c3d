// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "test.h"

namespace {

struct Batch {
  int64_t sequences = 6, length = 20, n = 120;
  tppo_shape_rewards_args options;
  test::Vec<int32_t> classes, positions, cu;
  test::Vec<float> logprobs, ref, terminal;
  test::Vec<uint8_t> mask;

  explicit Batch(uint64_t seed, int64_t sequences_ = 6, int64_t length_ = 20) : sequences(sequences_), length(length_), n(sequences_ * length_) {
    tppo_shape_rewards_init(&options);
    options.suggested_length = 8.5;
    test::Random r(seed);
    for (int64_t i = 0; i < n; ++i) classes.push_back(static_cast<int32_t>(r.below(3)));
    logprobs = r.normals(n);
    ref = r.normals(n);
    terminal = r.normals(sequences);
    mask = r.mask(n, 0.7);
    for (int64_t t = 0; t < length; ++t) mask[length + t] = 0;  // sequence 1 is empty
  }
  struct Result {
    test::Vec<float> lwp, shaped, kl, rewards;
    test::Vec<double> stats;
    test::Vec<float> bits() const {
      test::Vec<float> all;
      for (const auto* x : {&lwp, &shaped, &kl, &rewards}) test::append(all, *x);
      test::append(all, stats);
      return all;
    }
  };
  Result run() const {
    Result r{test::unwritten(n), test::unwritten(n), test::unwritten(n), test::unwritten(n), test::Vec<double>(TPPO_SHAPE_REWARDS_STATS)};
    tppo_shape_rewards_args a = options;
    a.num_tokens = n;
    a.num_sequences = sequences;
    a.classes = classes.data();
    a.positions = positions.empty() ? nullptr : positions.data();
    a.logprobs = logprobs.data();
    a.ref_logprobs = ref.data();
    a.terminal_rewards = terminal.empty() ? nullptr : terminal.data();
    a.mask = mask.data();
    a.cu_seqlens = cu.empty() ? nullptr : cu.data();
    a.lwp = r.lwp.data();
    a.shaped = r.shaped.data();
    a.kl = r.kl.data();
    a.rewards = r.rewards.data();
    a.stats = r.stats.data();
    CHECK_OK(RUN(shape_rewards, a));
    return r;
  }
};

}  // namespace

TEST(agrees_with_equations_4_and_5) {
  for (int32_t estimator : {TPPO_KL_K1, TPPO_KL_K2, TPPO_KL_K3}) {
    Batch b(3);
    b.options.kl_estimator = estimator;
    b.options.class_values[0] = -0.5;
    const Batch::Result r = b.run();
    double total = 0.0;
    for (int64_t s = 0; s < b.sequences; ++s) {
      int64_t last = -1, position = 0;
      for (int64_t t = 0; t < b.length; ++t)
        if (b.mask[s * b.length + t]) last = t;
      for (int64_t t = 0; t < b.length; ++t) {
        const int64_t i = s * b.length + t;
        if (!b.mask[i]) {
          CHECK(r.lwp[i] == 0.0f && r.shaped[i] == 0.0f && r.kl[i] == 0.0f && r.rewards[i] == 0.0f);
          continue;
        }
        ++position;
        const double values[3] = {-0.5, 1.0, 2.0};
        const double lwp = 1.0 / (1.0 + std::exp(2.0 * (static_cast<double>(position) - 8.5) - 6.0));
        const double d = static_cast<double>(b.logprobs[i]) - b.ref[i];
        const double kl = estimator == TPPO_KL_K1 ? d : estimator == TPPO_KL_K2 ? d * d / 2.0 : std::exp(-d) - 1.0 + d;
        const double reward = lwp * values[b.classes[i]] - 0.2 * kl + (t == last ? b.terminal[s] : 0.0);
        CHECK_NEAR(r.lwp[i], lwp, 1e-12, 1e-7);
        CHECK_NEAR(r.shaped[i], lwp * values[b.classes[i]], 1e-12, 1e-7);
        CHECK_NEAR(r.kl[i], kl, 1e-9, 1e-7);
        CHECK_NEAR(r.rewards[i], reward, 1e-7, 1e-7);
        total += reward;
      }
    }
    CHECK_NEAR(r.stats[TPPO_SHAPE_REWARDS_REWARD], total, 1e-9, 1e-9);
  }
}

TEST(long_sequences_with_holes) {
  const int64_t length = 6000, n = 2 * length;
  test::Random random(23);
  const test::Vec<float> scores = random.normals(n), logprobs = random.normals(n), ref = random.normals(n);
  test::Vec<uint8_t> mask = random.mask(n, 0.9);
  for (int64_t t = 0; t < 300; ++t) mask[t] = 1;
  for (int64_t t = 5000; t < length; ++t) mask[t] = 0;
  const float terminal[2] = {3.0f, -2.0f};
  for (int32_t estimator : {TPPO_KL_K1, TPPO_KL_K3})
    for (bool in_place : {false, true})
      test::each_isa([&] {
        test::Vec<float> rewards = in_place ? scores : test::unwritten(n);
        test::Vec<double> stats(TPPO_SHAPE_REWARDS_STATS);
        tppo_shape_rewards_args a;
        tppo_shape_rewards_init(&a);
        a.num_tokens = n;
        a.num_sequences = 2;
        a.kl_estimator = estimator;
        a.alpha = 0.01;
        a.suggested_length = 4200.5;
        a.log_ratio_clamp = 2.0;
        a.scores = in_place ? rewards.data() : scores.data();
        a.logprobs = logprobs.data();
        a.ref_logprobs = ref.data();
        a.terminal_rewards = terminal;
        a.mask = mask.data();
        a.rewards = rewards.data();
        a.stats = stats.data();
        CHECK_OK(RUN(shape_rewards, a));
        double total = 0.0, beyond = 0.0, clamped = 0.0, valid = 0.0;
        for (int64_t s = 0; s < 2; ++s) {
          int64_t last = -1, position = 0;
          for (int64_t t = 0; t < length; ++t)
            if (mask[s * length + t]) last = t;
          for (int64_t t = 0; t < length; ++t) {
            const int64_t i = s * length + t;
            if (!mask[i]) {
              CHECK(rewards[i] == 0.0f);
              continue;
            }
            ++position;
            const double lwp = 1.0 / (1.0 + std::exp(0.01 * (static_cast<double>(position) - 4200.5) - 6.0));
            const double free = static_cast<double>(logprobs[i]) - ref[i], d = std::min(std::max(free, -2.0), 2.0);
            const double kl = estimator == TPPO_KL_K1 ? d : std::exp(-d) - 1.0 + d;
            const double reward = lwp * scores[i] - 0.2 * kl + (t == last ? terminal[s] : 0.0f);
            CHECK_NEAR(rewards[i], reward, 1e-7, 1e-7);
            total += reward;
            beyond += static_cast<double>(position) > 4200.5;
            clamped += free != d;
            valid += 1.0;
          }
        }
        CHECK_NEAR(stats[TPPO_SHAPE_REWARDS_REWARD], total, 1e-9, 1e-9);
        CHECK(stats[TPPO_SHAPE_REWARDS_BEYOND] == beyond && stats[TPPO_SHAPE_REWARDS_CLAMPED] == clamped);
        CHECK(stats[TPPO_SHAPE_REWARDS_VALID] == valid);
      });
}

TEST(length_weight_at_the_suggested_length) {
  Batch b(5, 2);
  b.options.suggested_length = 10.0;
  b.mask.assign(b.n, 1);
  b.positions.assign(b.n, 0);
  const int32_t places[] = {10, 13, 16, 2000000000, -2000000000};
  for (int i = 0; i < 5; ++i) b.positions[i] = places[i];
  const Batch::Result r = b.run();
  CHECK_NEAR(r.lwp[0], 0.997527, 1e-6, 0.0);
  CHECK(r.lwp[1] == 0.5f);
  CHECK_NEAR(r.lwp[2], 0.002473, 1e-6, 0.0);
  CHECK(r.lwp[3] == 0.0f && r.lwp[4] == 1.0f);
  CHECK(r.stats[TPPO_SHAPE_REWARDS_BEYOND] == 3.0);
}

TEST(without_length_penalty_or_log_probs) {
  Batch b(7);
  test::Vec<float> rewards = test::unwritten(b.n);
  tppo_shape_rewards_args a;
  tppo_shape_rewards_init(&a);
  a.num_tokens = b.n;
  a.num_sequences = b.sequences;
  a.length_penalty = 0;
  a.classes = b.classes.data();
  a.rewards = rewards.data();
  CHECK_OK(RUN(shape_rewards, a));
  for (int64_t i = 0; i < b.n; ++i) CHECK(rewards[i] == static_cast<float>(b.classes[i]));
}

TEST(scores_in_place) {
  test::Random random(2);
  test::Vec<float> scores = random.normals(30);
  const test::Vec<float> before = scores;
  tppo_shape_rewards_args a;
  tppo_shape_rewards_init(&a);
  a.num_tokens = 30;
  a.suggested_length = 20;
  a.scores = scores.data();
  a.rewards = scores.data();
  CHECK_OK(RUN(shape_rewards, a));
  for (int i = 0; i < 30; ++i) CHECK_NEAR(scores[i], before[i] / (1.0 + std::exp(2.0 * (i + 1 - 20) - 6.0)), 1e-12, 1e-6);
}

TEST(padded_equals_packed) {
  for (int64_t length : {20, 700})
    for (int32_t estimator : {TPPO_KL_K1, TPPO_KL_K2, TPPO_KL_K3}) {
      Batch padded(11, 6, length);
      padded.options.kl_estimator = estimator;
      for (int64_t t = 0; t < length / 2; ++t) padded.mask[2 * length + t] = 1;  // some without holes
      Batch packed = padded;
      packed.classes.clear();
      packed.logprobs.clear();
      packed.ref.clear();
      packed.mask.clear();
      packed.cu = {0};
      test::Vec<int64_t> source;
      for (int64_t i = 0; i < padded.n; ++i) {
        if (padded.mask[i]) {
          packed.classes.push_back(padded.classes[i]);
          packed.logprobs.push_back(padded.logprobs[i]);
          packed.ref.push_back(padded.ref[i]);
          packed.mask.push_back(1);
          source.push_back(i);
        }
        if ((i + 1) % padded.length == 0) packed.cu.push_back(static_cast<int32_t>(source.size()));
      }
      packed.n = static_cast<int64_t>(source.size());
      const Batch::Result a = padded.run(), b = packed.run();
      // On a device tokens are summed up by their places, of which a block has fewer than 700.
      if (!test::kOnDevice || length == 20) CHECK(test::same_bits(a.stats, b.stats));
      for (int k = 0; k < TPPO_SHAPE_REWARDS_STATS; ++k) CHECK_NEAR(a.stats[k], b.stats[k], 1e-12, 1e-12);
      for (size_t k = 0; k < source.size(); ++k) CHECK(a.rewards[source[k]] == b.rewards[k] && a.lwp[source[k]] == b.lwp[k]);
    }
}

TEST(poison_in_masked_slots_changes_no_bit) {
  const Batch clean(13);
  for (float poison : test::kPoison) {
    Batch b = clean;
    b.terminal[1] = poison;
    for (int64_t i = 0; i < b.n; ++i)
      if (!b.mask[i]) b.logprobs[i] = b.ref[i] = poison, b.classes[i] = 99;
    CHECK(test::same_bits(b.run().bits(), clean.run().bits()));
  }
}

TEST(threads_and_instruction_sets_change_no_bit) {
  for (int32_t estimator : {TPPO_KL_K1, TPPO_KL_K2, TPPO_KL_K3})
    for (int64_t length : {20, 700}) {
      Batch b(17, 14000 / length, length);
      b.options.kl_estimator = estimator;
      for (int64_t t = 0; t < 2 * length / 3; ++t) b.mask[3 * length + t] = 1;  // some without holes
      CHECK_THREADS_AND_ISAS([&] { return b.run().bits(); });
    }
}

TEST(suggested_length_is_the_median_times_queries) {
  const int32_t odd[] = {9, 1, 5, 5, 7}, even[] = {4, 1, 2000000000, 3}, one[] = {0};
  double result = -1.0;
  CHECK_OK(tppo_suggested_length(odd, 5, 3, &result));
  CHECK(result == 15.0);
  CHECK_OK(tppo_suggested_length(even, 4, 2, &result));
  CHECK(result == 7.0);
  CHECK_OK(tppo_suggested_length(one, 1, 10, &result));
  CHECK(result == 0.0);
}
