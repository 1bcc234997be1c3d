// SPDX-License-Identifier: Apache-2.0
// token_advantages against the three operations written out in double, and against the three calls.
#include <algorithm>

#include "test.h"

namespace {

using test::Vec;

struct Batch {
  int64_t n;
  Vec<int32_t> cu;  // always there; `padded` says whether the call gets it
  bool padded = true, masked = true, terminal = true, positions = false, classes = false, whitens = true;
  Vec<float> scores, values, logprobs, ref, terminal_rewards;
  Vec<int32_t> labels, position;
  Vec<uint8_t> mask;
  double suggested = 40.0;

  Batch(uint64_t seed, const std::vector<int64_t>& lengths) : n(0), cu{0} {
    for (int64_t length : lengths) cu.push_back(static_cast<int32_t>(n += length));
    test::Random r(seed);
    scores = r.normals(n);
    values = r.normals(n);
    logprobs = r.normals(n);
    ref = r.normals(n);
    terminal_rewards = r.normals(sequences());
    mask = r.mask(n, 0.6);
    for (int64_t i = 0; i < n; ++i) {
      labels.push_back(static_cast<int32_t>(r.below(3)));
      position.push_back(static_cast<int32_t>(r.below(100)));
      if (!mask[i]) scores[i] = values[i] = logprobs[i] = ref[i] = test::kPoison[i % 5];
    }
    if (sequences() > 2)
      for (int32_t i = cu[1]; i < cu[2]; ++i) mask[i] = 0;  // a sequence without a token
  }
  int64_t sequences() const { return static_cast<int64_t>(cu.size()) - 1; }
  bool valid(int64_t i) const { return !masked || mask[i] != 0; }
};

struct Result {
  Vec<float> rewards, advantages, returns;
  Vec<double> shape_stats = Vec<double>(TPPO_SHAPE_REWARDS_STATS), whiten_stats = Vec<double>(TPPO_WHITEN_STATS);
};

struct Arguments {
  tppo_shape_rewards_args shape;
  tppo_gae_args gae;
  tppo_whiten_args whiten;

  Arguments(const Batch& b, Result& r) {
    r.rewards = r.advantages = r.returns = test::unwritten(b.n);
    tppo_shape_rewards_init(&shape);
    shape.num_tokens = b.n;
    shape.num_sequences = b.sequences();
    shape.suggested_length = b.suggested;
    shape.alpha = 0.3;
    if (b.classes)
      shape.classes = b.labels.data();
    else
      shape.scores = b.scores.data();
    if (b.positions) shape.positions = b.position.data();
    if (b.terminal) shape.terminal_rewards = b.terminal_rewards.data();
    shape.logprobs = b.logprobs.data();
    shape.ref_logprobs = b.ref.data();
    shape.mask = b.masked ? b.mask.data() : nullptr;
    shape.cu_seqlens = b.padded ? nullptr : b.cu.data();
    shape.rewards = r.rewards.data();
    shape.stats = r.shape_stats.data();
    tppo_gae_init(&gae);
    gae.num_tokens = b.n;
    gae.num_sequences = b.sequences();
    gae.gamma = 0.99;
    gae.values = b.values.data();
    gae.mask = shape.mask;
    gae.cu_seqlens = shape.cu_seqlens;
    gae.advantages = r.advantages.data();
    gae.returns = r.returns.data();
    tppo_whiten_init(&whiten);
    whiten.num_tokens = b.n;
    whiten.mask = shape.mask;
    whiten.stats = r.whiten_stats.data();
  }
};

Result run(const Batch& b) {
  Result r;
  Arguments a(b, r);
  const tppo_whiten_args* const whiten = b.whitens ? &a.whiten : nullptr;
  uint64_t bytes = 0;
  CHECK_OK(tppo_token_advantages_workspace(&a.shape, &a.gae, whiten, test::kDevice, &bytes));
  Vec<unsigned char> workspace(bytes + 1, 0xff);
  CHECK_OK(test::finished(tppo_token_advantages(&a.shape, &a.gae, whiten, test::kDevice, nullptr, workspace.data() + 1, bytes)));
  return r;
}

/// The definitions, in double.
void check(const Batch& b) {
  const Result r = run(b);
  std::vector<double> advantage(b.n, 0.0);
  double count = 0.0, sum = 0.0, reward_sum = 0.0;
  for (int64_t s = 0; s < b.sequences(); ++s) {
    std::vector<int64_t> tokens;
    for (int64_t i = b.cu[s]; i < b.cu[s + 1]; ++i)
      if (b.valid(i)) tokens.push_back(i);
    double next_value = 0.0, next_advantage = 0.0;
    for (size_t t = tokens.size(); t-- > 0;) {
      const int64_t i = tokens[t];
      const double l = b.positions ? b.position[i] : static_cast<double>(t + 1);
      const double lwp = 1.0 / (1.0 + std::exp(0.3 * (l - b.suggested) - 6.0));
      double reward = lwp * (b.classes ? b.labels[i] : static_cast<double>(b.scores[i])) - 0.2 * (static_cast<double>(b.logprobs[i]) - b.ref[i]);
      if (b.terminal && t + 1 == tokens.size()) reward += b.terminal_rewards[s];
      CHECK_NEAR(r.rewards[i], reward, 1e-6, 1e-6);
      const double delta = reward + 0.99 * next_value - b.values[i];
      advantage[i] = delta + 0.99 * 0.95 * next_advantage;
      CHECK_NEAR(r.returns[i], advantage[i] + b.values[i], 1e-5, 1e-6);
      next_advantage = advantage[i];
      next_value = b.values[i];
      count += 1.0;
      sum += advantage[i];
      reward_sum += reward;
    }
  }
  const double mean = count > 0.0 ? sum / count : 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < b.n; ++i)
    if (b.valid(i)) squares += (advantage[i] - mean) * (advantage[i] - mean);
  const double variance = count > 1.0 ? squares / (count - 1.0) : 0.0;
  for (int64_t i = 0; i < b.n; ++i) {
    const double expected = b.whitens ? (advantage[i] - mean) / std::sqrt(variance + 1e-8) : advantage[i];
    if (b.valid(i))
      CHECK_NEAR(r.advantages[i], expected, 1e-5, 1e-6);
    else
      CHECK(r.advantages[i] == 0.0f && r.returns[i] == 0.0f && r.rewards[i] == 0.0f);
  }
  CHECK_NEAR(r.shape_stats[TPPO_SHAPE_REWARDS_VALID], count, 0.0, 0.0);
  CHECK_NEAR(r.shape_stats[TPPO_SHAPE_REWARDS_REWARD], reward_sum, 1e-5, 1e-9);
  if (!b.whitens) return;
  CHECK_NEAR(r.whiten_stats[TPPO_WHITEN_VALID], count, 0.0, 0.0);
  CHECK_NEAR(r.whiten_stats[TPPO_WHITEN_MEAN], mean, 1e-6, 1e-6);
  CHECK_NEAR(r.whiten_stats[TPPO_WHITEN_VARIANCE], variance, 1e-6, 1e-6);
}

}  // namespace

TEST(short_sequences) {
  for (int64_t length : {1, 3, 4, 127, 128, 129, 256}) {
    Batch b(7, std::vector<int64_t>(19, length));
    check(b);
    b.padded = false;
    b.classes = b.positions = true;
    check(b);
    b.masked = b.terminal = b.whitens = false;
    b.scores = b.values = b.logprobs = b.ref = test::Random(8).normals(b.n);
    check(b);
  }
}

TEST(long_sequences) {
  for (int64_t length : {257, 1024, 1025, 3000}) {
    Batch b(9, std::vector<int64_t>(3, length));
    check(b);
    b.masked = false;
    b.scores = b.values = b.logprobs = b.ref = test::Random(8).normals(b.n);
    check(b);
  }
}

TEST(packed_sequences_of_every_length) {
  for (uint64_t seed : {1, 2, 3}) {
    Batch b(seed, {0, 5, 1, 1500, 33, 0, 700, 2, 1024, 1});
    b.padded = false;
    check(b);
    b.classes = true;
    check(b);
  }
  Batch many(4, std::vector<int64_t>(1000, 2));
  many.padded = false;
  check(many);
}

TEST(poison_in_masked_slots_changes_no_bit) {
  for (bool padded : {true, false})
    for (bool classes : {true, false}) {
      Batch poisoned(13, std::vector<int64_t>(5, 300));
      poisoned.padded = padded;
      poisoned.classes = poisoned.positions = classes;
      Batch clean = poisoned;
      for (int64_t i = 0; i < clean.n; ++i) {
        if (clean.mask[i]) continue;
        clean.scores[i] = clean.values[i] = clean.logprobs[i] = clean.ref[i] = 0.0f;
        poisoned.labels[i] = poisoned.position[i] = INT32_MIN;
      }
      poisoned.terminal_rewards[1] = test::kNaN;  // of the sequence without a token
      const Result expected = run(clean), r = run(poisoned);
      CHECK(test::same_bits(r.rewards, expected.rewards) && test::same_bits(r.advantages, expected.advantages));
      CHECK(test::same_bits(r.returns, expected.returns));
      CHECK(test::same_bits(r.shape_stats, expected.shape_stats) && test::same_bits(r.whiten_stats, expected.whiten_stats));
    }
}

TEST(nothing_to_do) {
  Batch b(1, {3, 4});
  b.padded = false;
  std::fill(b.mask.begin(), b.mask.end(), uint8_t{0});
  check(b);
}

TEST(equals_the_three_calls) {
  Batch b(11, std::vector<int64_t>(6, 300));
  const Result r = run(b);
  Result three;
  Arguments a(b, three);
  CHECK_OK(RUN(shape_rewards, a.shape));
  a.gae.rewards = three.rewards.data();
  CHECK_OK(RUN(gae, a.gae));
  a.whiten.x = a.whiten.out = three.advantages.data();
  CHECK_OK(RUN(whiten, a.whiten));
  CHECK(test::same_bits(r.rewards, three.rewards) && test::same_bits(r.returns, three.returns));
  // Whitening adds up in another order on a device.
  for (int64_t i = 0; i < b.n; ++i) CHECK_NEAR(r.advantages[i], three.advantages[i], test::kOnDevice ? 1e-6 : 0.0, 0.0);
}

TEST(rewards_need_not_be_stored_and_outputs_may_be_inputs) {
  Batch b(12, std::vector<int64_t>(4, 260));
  const Result r = run(b);
  Result in_place;
  Arguments a(b, in_place);
  a.shape.rewards = nullptr;
  Vec<float> scores = b.scores, values = b.values;
  a.shape.scores = a.gae.advantages = scores.data();
  a.gae.values = a.gae.returns = values.data();
  uint64_t bytes = 0;
  CHECK_OK(tppo_token_advantages_workspace(&a.shape, &a.gae, &a.whiten, test::kDevice, &bytes));
  Vec<unsigned char> workspace(bytes + 1, 0xff);
  CHECK_OK(test::finished(tppo_token_advantages(&a.shape, &a.gae, &a.whiten, test::kDevice, nullptr, workspace.data() + 1, bytes)));
  CHECK(test::same_bits(scores, r.advantages) && test::same_bits(values, r.returns));
}
