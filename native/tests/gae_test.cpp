// SPDX-License-Identifier: Apache-2.0
// gae against its definition as a double sum, and whiten.
#include <algorithm>

#include "test.h"

namespace {

struct Batch {
  int64_t sequences, length, n;
  double gamma = 0.97, lambda = 0.9;
  test::Vec<float> rewards, values;
  test::Vec<uint8_t> mask;
  test::Vec<int32_t> cu;

  Batch(uint64_t seed, int64_t sequences_, int64_t length_) : sequences(sequences_), length(length_), n(sequences_ * length_) {
    test::Random r(seed);
    rewards = r.normals(n);
    values = r.normals(n);
    mask = r.mask(n, 0.6);
    for (int64_t t = 0; t < length && sequences > 2; ++t) mask[length + t] = 0, mask[2 * length + t] = t == length / 2;  // empty, one token
  }
  struct Result {
    test::Vec<float> advantages, returns;
  };
  Result run() const {
    Result r{test::unwritten(n), test::unwritten(n)};
    tppo_gae_args a;
    tppo_gae_init(&a);
    a.num_tokens = n;
    a.num_sequences = sequences;
    a.gamma = gamma;
    a.lambda = lambda;
    a.rewards = rewards.data();
    a.values = values.data();
    a.mask = mask.data();
    a.cu_seqlens = cu.empty() ? nullptr : cu.data();
    a.advantages = r.advantages.data();
    a.returns = r.returns.data();
    CHECK_OK(RUN(gae, a));
    return r;
  }
};

}  // namespace

/// The double sum for one valid token.
static double advantage(const Batch& b, const std::vector<int64_t>& valid, size_t t) {
  double a = 0.0;
  for (size_t k = t; k < valid.size(); ++k) {
    const double next = k + 1 < valid.size() ? b.values[valid[k + 1]] : 0.0;
    a += std::pow(b.gamma * b.lambda, static_cast<double>(k - t)) * (b.rewards[valid[k]] + b.gamma * next - b.values[valid[k]]);
  }
  return a;
}

/// The portable path rounds once; the others sum up a vector's width of tokens in float32, so their error is relative to the largest number.
static void check_sequences(const Batch& b) {
  const Batch::Result r = b.run();
  const bool exact = test::kOnDevice || strcmp(tppo_cpu_isa(), "portable") == 0;
  for (int64_t s = 0; s < b.sequences; ++s) {
    std::vector<int64_t> valid;
    for (int64_t i = s * b.length; i < (s + 1) * b.length; ++i)
      if (b.mask[i])
        valid.push_back(i);
      else
        CHECK(r.advantages[i] == 0.0f && r.returns[i] == 0.0f);
    std::vector<double> expected;
    double largest = 0.0;
    for (size_t t = 0; t < valid.size(); ++t) {
      expected.push_back(advantage(b, valid, t));
      largest = std::max({largest, std::fabs(expected[t]), std::fabs(double{b.rewards[valid[t]]}), std::fabs(double{b.values[valid[t]]})});
    }
    const double absolute = exact ? 1e-12 : 5e-7 * largest, relative = exact ? 1e-7 : 0.0;
    for (size_t t = 0; t < valid.size(); ++t) {
      CHECK_NEAR(r.advantages[valid[t]], expected[t], absolute, relative);
      CHECK_NEAR(r.returns[valid[t]], expected[t] + b.values[valid[t]], exact ? 1e-7 : absolute, relative);
    }
  }
}

TEST(equals_the_double_sum) {
  test::each_isa([] {
    for (double gamma : {1.0, 0.99, 0.9, 0.0})
      for (double lambda : {1.0, 0.95, 0.0})
        for (int64_t length : {1, 7, 23, 64, 200}) {
          Batch b(3 + static_cast<uint64_t>(length), 5, length);
          b.gamma = gamma;
          b.lambda = lambda;
          check_sequences(b);
          b.mask.assign(b.n, 1);
          check_sequences(b);
          // Responses between a prompt and padding.
          for (int64_t i = 0; i < b.n; ++i) b.mask[i] = i % length >= 2 && i % length < length - i / length;
          check_sequences(b);
        }
  });
}

TEST(rounding_does_not_grow_with_the_length) {
  test::each_isa([] {
    for (double lambda : {1.0, 0.95}) {
      Batch b(17, 1, 100000);
      b.gamma = 1.0;
      b.lambda = lambda;
      double next_value = 0.0, next_advantage = 0.0, largest = 0.0;
      const Batch::Result r = b.run();
      std::vector<double> expected(b.n);
      for (int64_t i = b.n - 1; i >= 0; --i) {
        if (!b.mask[i]) continue;
        next_advantage = b.rewards[i] + next_value - b.values[i] + lambda * next_advantage;
        next_value = b.values[i];
        expected[i] = next_advantage;
        largest = std::max(largest, std::fabs(next_advantage));
      }
      for (int64_t i = 0; i < b.n; ++i) CHECK_NEAR(r.advantages[i], expected[i], 5e-7 * largest, 0.0);
    }
  });
}

TEST(small_rewards_beside_large_values) {
  test::each_isa([] {
    for (double lambda : {1.0, 0.99}) {
      Batch b(23, 1, 20000);
      b.gamma = 1.0;
      b.lambda = lambda;
      b.mask.assign(b.n, 1);
      b.rewards.assign(b.n, 2e-5f);
      b.values.assign(b.n, 600.0f);
      const Batch::Result r = b.run();
      double next_value = 0.0, next_advantage = 0.0;
      for (int64_t i = b.n - 1; i >= 0; --i) {
        next_advantage = double{b.rewards[i]} + next_value - b.values[i] + lambda * next_advantage;
        next_value = b.values[i];
        CHECK_NEAR(r.advantages[i], next_advantage, 3e-4, 0.0);  // 5e-7 of 600
      }
    }
  });
}

static void check_packed(const Batch& padded) {
  Batch packed = padded;
  packed.rewards.clear();
  packed.values.clear();
  packed.mask.clear();
  packed.cu = {0};
  test::Vec<int64_t> source;
  for (int64_t i = 0; i < padded.n; ++i) {
    if (padded.mask[i]) packed.rewards.push_back(padded.rewards[i]), packed.values.push_back(padded.values[i]), packed.mask.push_back(1), source.push_back(i);
    if ((i + 1) % padded.length == 0) packed.cu.push_back(static_cast<int32_t>(source.size()));
  }
  packed.n = static_cast<int64_t>(source.size());
  const Batch::Result a = padded.run(), b = packed.run();
  for (size_t k = 0; k < source.size(); ++k) CHECK(a.advantages[source[k]] == b.advantages[k] && a.returns[source[k]] == b.returns[k]);
}

/// The sequences [from, from + count) of a padded batch as one of their own.
static Batch part_of(const Batch& b, int64_t from, int64_t count) {
  Batch part = b;
  part.sequences = count;
  part.n = count * b.length;
  const auto cut = [&](const auto& x) { return std::decay_t<decltype(x)>(x.begin() + from * b.length, x.begin() + (from + count) * b.length); };
  part.rewards = cut(b.rewards);
  part.values = cut(b.values);
  part.mask = cut(b.mask);
  return part;
}

TEST(outputs_past_the_caches_have_the_same_bits) {
  ONLY_ON_CPU("a device has no such path");
  for (int64_t length : {4000, 4001}) {  // rows on the boundaries of lines and off them
    Batch b(19, 1100, length);  // more than 2^22 tokens
    // A third of the sequences have holes; the others are padded behind, and some of those before as well.
    test::Random r(20);
    for (int64_t s = 0; s < b.sequences; ++s) {
      if (s % 3 == 0) continue;
      const int64_t begin = s % 3 == 1 ? 0 : r.below(40), end = s % 5 == 0 ? length : r.below(length + 1);
      for (int64_t t = 0; t < length; ++t) b.mask[s * length + t] = t >= begin && t < end;
    }
    test::each_isa([&] {
      const Batch::Result large = b.run();
      for (int64_t from = 0; from < b.sequences; from += 275) {
        const Batch part = part_of(b, from, 275);
        const Batch::Result small = part.run();
        CHECK(std::memcmp(small.advantages.data(), large.advantages.data() + from * length, sizeof(float) * part.n) == 0);
        CHECK(std::memcmp(small.returns.data(), large.returns.data() + from * length, sizeof(float) * part.n) == 0);
      }
      check_packed(b);
    });
  }
}

TEST(padded_equals_packed) {
  Batch b(5, 6, 170);
  for (double gamma : {0.97, 1.0, 1.0 - 2.5e-8, 0.0}) {
    b.gamma = gamma;
    check_packed(b);
  }
}

TEST(poison_in_masked_slots_changes_no_bit) {
  const Batch clean(7, 6, 19);
  const Batch::Result expected = clean.run();
  for (float poison : test::kPoison) {
    Batch b = clean;
    for (int64_t i = 0; i < b.n; ++i)
      if (!b.mask[i]) b.rewards[i] = b.values[i] = poison;
    const Batch::Result r = b.run();
    CHECK(test::same_bits(r.advantages, expected.advantages) && test::same_bits(r.returns, expected.returns));
  }
}

TEST(in_place_gives_the_same_bits) {
  Batch b(9, 4, 12);
  const Batch::Result expected = b.run();
  tppo_gae_args a;
  tppo_gae_init(&a);
  a.num_tokens = b.n;
  a.num_sequences = b.sequences;
  a.gamma = b.gamma;
  a.lambda = b.lambda;
  a.rewards = b.rewards.data();
  a.values = b.values.data();
  a.mask = b.mask.data();
  a.advantages = b.rewards.data();
  a.returns = b.values.data();
  CHECK_OK(RUN(gae, a));
  CHECK(test::same_bits(b.rewards, expected.advantages) && test::same_bits(b.values, expected.returns));
}

TEST(threads_change_no_bit) {
  const Batch b(11, 300, 400);
  CHECK_THREADS([&] {
    const Batch::Result r = b.run();
    test::Vec<float> all = r.advantages;
    test::append(all, r.returns);
    return all;
  });
}
