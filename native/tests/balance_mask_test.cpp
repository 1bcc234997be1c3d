// SPDX-License-Identifier: Apache-2.0
#include "../math/philox.h"
#include "test.h"

namespace {

struct Batch {
  int64_t sequences, length, n;
  tppo_balance_mask_args options;
  test::Vec<int32_t> labels;
  test::Vec<uint8_t> mask;
  test::Vec<double> stats;

  Batch(int64_t sequences_, int64_t length_, double share1) : sequences(sequences_), length(length_), n(sequences_ * length_), stats(TPPO_BALANCE_STATS) {
    tppo_balance_mask_init(&options);
    options.seed = 0x123456789abcdefULL;
    options.step = 5;
    test::Random r(11);
    for (int64_t i = 0; i < n; ++i) labels.push_back(r.uniform() < 0.2 ? 0 : r.uniform() < share1 ? 1 : 2);
    mask = r.mask(n, 0.9);
  }
  test::Vec<uint8_t> run() {
    test::Vec<uint8_t> out(n, 77);
    tppo_balance_mask_args a = options;
    a.num_tokens = n;
    a.num_sequences = sequences;
    a.labels = labels.data();
    a.mask = mask.data();
    a.out = out.data();
    a.stats = stats.data();
    CHECK_OK(RUN(balance_mask, a));
    return out;
  }
};

}  // namespace

TEST(philox_known_answers) {
  // From the known-answer file of Random123 (philox4x32, 10 rounds).
  using tppo::math::Philox;
  const Philox a = tppo::math::philox(Philox{{0, 0, 0, 0}}, 0);
  CHECK(a.word[0] == 0x6627e8d5 && a.word[1] == 0xe169c58d && a.word[2] == 0xbc57ac4c && a.word[3] == 0x9b00dbd8);
  const Philox b = tppo::math::philox(Philox{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}}, 0xffffffffffffffffULL);
  CHECK(b.word[0] == 0x408f276d && b.word[1] == 0x41c83b0e && b.word[2] == 0xa20bc7c6 && b.word[3] == 0x6d5451fd);
  const Philox c = tppo::math::philox(Philox{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0x299f31d0a4093822ULL);
  CHECK(c.word[0] == 0xd16cfe09 && c.word[1] == 0x94fdcceb && c.word[2] == 0x5001e420 && c.word[3] == 0x24126ea1);
}

TEST(larger_class_is_thinned_to_the_ratio) {
  Batch b(300, 100, 0.9);
  const test::Vec<uint8_t> out = b.run();
  double counts[3] = {}, kept[3] = {};
  for (int64_t i = 0; i < b.n; ++i) {
    if (!b.mask[i]) {
      CHECK(out[i] == 0);
      continue;
    }
    counts[b.labels[i]] += 1;
    kept[b.labels[i]] += out[i];
  }
  CHECK(kept[0] == counts[0] && kept[2] == counts[2]);
  CHECK_NEAR(kept[1], 3.0 * counts[2], 0.0, 0.05);
  CHECK(b.stats[TPPO_BALANCE_COUNT0] == counts[0] && b.stats[TPPO_BALANCE_COUNT1] == counts[1] && b.stats[TPPO_BALANCE_COUNT2] == counts[2]);
  CHECK(b.stats[TPPO_BALANCE_KEPT1] == kept[1] && b.stats[TPPO_BALANCE_KEPT2] == kept[2]);
}

TEST(agrees_with_philox_token_by_token) {
  // Lengths that fill neither vectors nor what is made at a time.
  for (int64_t length : {1, 7, 255, 259, 1031}) {
    test::each_isa([&] {
      Batch b(5, length, 0.8);
      b.options.rho = 0.6;
      b.options.step = (1ULL << 32) + 3;
      b.options.first_sample = 1000;
      b.options.count1 = 400;
      b.options.count2 = 100;
      const test::Vec<uint8_t> out = b.run();
      const uint32_t threshold = static_cast<uint32_t>(0.6 * 100.0 / 400.0 * 4294967296.0);
      for (int64_t i = 0; i < b.n; ++i) {
        const uint32_t position = static_cast<uint32_t>(i % length), sample = static_cast<uint32_t>(1000 + i / length);
        const uint32_t word = tppo::math::philox(tppo::math::Philox{{position, sample, 3, 1}}, b.options.seed).word[0];
        CHECK(out[i] == (b.mask[i] && (b.labels[i] != 1 || word < threshold)));
      }
    });
  }
}

TEST(all_are_kept_within_the_ratio_or_without_one_class) {
  for (double share1 : {0.5, 0.0, 1.0}) {
    Batch b(20, 50, share1);
    CHECK(b.run() == b.mask);
  }
}

TEST(poison_in_masked_slots_changes_no_bit) {
  Batch b(40, 50, 0.95);
  const test::Vec<uint8_t> expected = b.run();
  const test::Vec<double> stats = b.stats;
  for (int32_t poison : {3, -1, INT32_MIN, INT32_MAX}) {
    for (int64_t i = 0; i < b.n; ++i)
      if (!b.mask[i]) b.labels[i] = poison;
    CHECK(b.run() == expected && test::same_bits(b.stats, stats));
  }
}

TEST(depends_on_seed_step_sample_and_position_only) {
  Batch b(40, 50, 0.95);
  const test::Vec<uint8_t> all = b.run();
  // The second half alone, with the counts of the whole batch and its own sample numbers.
  Batch half = b;
  half.sequences = 20;
  half.n = 1000;
  half.labels.erase(half.labels.begin(), half.labels.begin() + 1000);
  half.mask.erase(half.mask.begin(), half.mask.begin() + 1000);
  half.options.first_sample = 20;
  half.options.count1 = static_cast<int64_t>(b.stats[TPPO_BALANCE_COUNT1]);
  half.options.count2 = static_cast<int64_t>(b.stats[TPPO_BALANCE_COUNT2]);
  CHECK(half.run() == test::Vec<uint8_t>(all.begin() + 1000, all.end()));
  test::Vec<uint32_t> ids;
  for (uint32_t s = 20; s < 40; ++s) ids.push_back(s);
  half.options.first_sample = 0;
  half.options.sample_ids = ids.data();
  CHECK(half.run() == test::Vec<uint8_t>(all.begin() + 1000, all.end()));
  b.options.step = 6;
  CHECK(b.run() != all);
  b.options.step = 5;
  b.options.seed ^= 1ULL << 40;
  CHECK(b.run() != all);
}

TEST(threads_and_instruction_sets_change_no_bit) {
  Batch b(200, 100, 0.9);
  CHECK_THREADS_AND_ISAS([&] {
    test::Vec<float> all;
    test::append(all, b.run());
    test::append(all, b.stats);
    return all;
  });
}
