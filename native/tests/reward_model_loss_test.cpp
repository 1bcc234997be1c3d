// SPDX-License-Identifier: Apache-2.0
// reward_model_loss against the equations in double; gradients by finite differences of the loss itself, those of long sequences by their formulas.
#include <array>

#include "test.h"

namespace {

struct Batch {
  int64_t sequences = 5, length = 9, n = 45;
  tppo_reward_model_loss_args options;
  test::Vec<float> logits, sentence;
  test::Vec<int32_t> labels, cu;
  test::Vec<uint8_t> mask, global_mask;

  explicit Batch(uint64_t seed, int64_t sequences_ = 5, int64_t length_ = 9) : sequences(sequences_), length(length_), n(sequences_ * length_) {
    tppo_reward_model_loss_init(&options);
    options.class_weights[1] = 0.7;
    options.class_weights[2] = 2.5;
    test::Random r(seed);
    logits = r.normals(n * 3, 2.0);
    mask = r.mask(n, 0.7);
    for (int64_t i = 0; i < n; ++i) labels.push_back(static_cast<int32_t>(r.below(3)));
    for (int64_t b = 0; b < sequences; ++b) sentence.push_back(static_cast<float>(1 + r.below(2)));
    for (int64_t t = 0; t < length; ++t) mask[length + t] = 0, mask[2 * length + t] = t == 4;  // empty, one token
  }
  const test::Vec<uint8_t>& mean_mask() const { return global_mask.empty() ? mask : global_mask; }
  static void softmax(const double* z, double* p) {
    double s = 0.0;
    for (int c = 0; c < 3; ++c) s += std::exp(z[c]);
    for (int c = 0; c < 3; ++c) p[c] = std::exp(z[c]) / s;
  }
  static int argmax(const double* z) { return z[1] > z[0] ? (z[2] > z[1] ? 2 : 1) : (z[2] > z[0] ? 2 : 0); }

  /// The loss with `surrogate`, whose gradient is the documented one: straight-through is linear in the expected value.
  double loss(const std::vector<double>& z, bool surrogate) const {
    double local = 0.0, weight = 0.0, global = 0.0;
    for (int64_t b = 0; b < sequences; ++b) {
      double hard = 0.0, soft = 0.0, count = 0.0, soft_here = 0.0;
      for (int64_t i = b * length; i < (b + 1) * length; ++i) {
        double p[3];
        softmax(&z[3 * i], p);
        if (mask[i]) local -= options.class_weights[labels[i]] * std::log(p[labels[i]]), weight += options.class_weights[labels[i]];
        if (!mean_mask()[i]) continue;
        const double here[3] = {logits[3 * i], logits[3 * i + 1], logits[3 * i + 2]};
        double p_here[3];
        softmax(here, p_here);
        hard += argmax(here);
        soft += p[1] + 2.0 * p[2];
        soft_here += p_here[1] + 2.0 * p_here[2];
        count += 1.0;
      }
      if (count == 0.0) continue;
      hard /= count, soft /= count, soft_here /= count;
      double mean = options.global_mode == TPPO_GLOBAL_EXPECTED ? soft : hard;
      if (surrogate && options.global_mode == TPPO_GLOBAL_STRAIGHT_THROUGH) mean += soft - soft_here;
      global += (mean - sentence[b]) * (mean - sentence[b]) / static_cast<double>(sequences);
    }
    local /= options.local_reduction == TPPO_LOCAL_WEIGHTED_MEAN ? weight : static_cast<double>(sequences);
    return options.w_local * local + options.w_global * global;
  }
  struct Result {
    test::Vec<float> nll, expected, grad, mean_argmax, mean_expected;
    test::Vec<int32_t> argmax;
    test::Vec<double> stats;
    test::Vec<float> bits() const {
      test::Vec<float> all;
      for (const auto* x : {&nll, &expected, &grad, &mean_argmax, &mean_expected}) test::append(all, *x);
      test::append(all, argmax);
      test::append(all, stats);
      return all;
    }
  };
  Result run() const {
    Result r{test::unwritten(n), test::unwritten(n), test::unwritten(3 * n), test::unwritten(sequences), test::unwritten(sequences),
             test::Vec<int32_t>(n, -9), test::Vec<double>(TPPO_REWARD_MODEL_STATS)};
    tppo_reward_model_loss_args a = options;
    a.num_tokens = n;
    a.num_sequences = sequences;
    a.logits = logits.data();
    a.labels = labels.data();
    a.sentence_labels = sentence.data();
    a.mask = mask.data();
    a.global_mask = global_mask.empty() ? nullptr : global_mask.data();
    a.cu_seqlens = cu.empty() ? nullptr : cu.data();
    a.weighted_nll = r.nll.data();
    a.expected_value = r.expected.data();
    a.argmax = r.argmax.data();
    a.mean_argmax = r.mean_argmax.data();
    a.mean_expected = r.mean_expected.data();
    a.grad_logits = r.grad.data();
    a.stats = r.stats.data();
    CHECK_OK(RUN(reward_model_loss, a));
    return r;
  }
};

void check_batch(const Batch& b) {
  const Batch::Result r = b.run();
  std::vector<double> z(b.logits.begin(), b.logits.end());
  CHECK_NEAR(r.stats[TPPO_REWARD_MODEL_LOSS], b.loss(z, false), 1e-9, 1e-9);
  for (size_t k = 0; k < z.size(); ++k) {
    const double at = z[k], e = 1e-5;
    z[k] = at + e;
    const double up = b.loss(z, true);
    z[k] = at - e;
    const double down = b.loss(z, true);
    z[k] = at;
    CHECK_NEAR(r.grad[k], (up - down) / (2 * e), 1e-8, 1e-5);
  }
}

}  // namespace

TEST(agrees_with_equations_1_to_3) {
  for (int32_t mode : {TPPO_GLOBAL_STRAIGHT_THROUGH, TPPO_GLOBAL_EXPECTED, TPPO_GLOBAL_ARGMAX})
    for (int32_t reduction : {TPPO_LOCAL_SUM_OVER_N, TPPO_LOCAL_WEIGHTED_MEAN}) {
      Batch b(3 + mode);
      b.options.global_mode = mode;
      b.options.local_reduction = reduction;
      check_batch(b);
      // Another mask for the mean: valid tokens of class 1 and 2, and some tokens outside the mask.
      b.global_mask = b.mask;
      for (int64_t i = 0; i < b.n; ++i) b.global_mask[i] = i % 11 == 0 || (b.mask[i] && b.labels[i] != 0);
      check_batch(b);
    }
}

TEST(per_token_outputs) {
  const Batch b(7);
  const Batch::Result r = b.run();
  double correct = 0.0;
  for (int64_t i = 0; i < b.n; ++i) {
    const double z[3] = {b.logits[3 * i], b.logits[3 * i + 1], b.logits[3 * i + 2]};
    double p[3];
    Batch::softmax(z, p);
    CHECK(r.argmax[i] == (b.mask[i] ? Batch::argmax(z) : 0));
    CHECK_NEAR(r.expected[i], b.mask[i] ? p[1] + 2 * p[2] : 0.0, 1e-9, 1e-7);
    CHECK_NEAR(r.nll[i], b.mask[i] ? -b.options.class_weights[b.labels[i]] * std::log(p[b.labels[i]]) : 0.0, 1e-9, 1e-6);
    correct += b.mask[i] && Batch::argmax(z) == b.labels[i];
  }
  CHECK(r.stats[TPPO_REWARD_MODEL_CORRECT] == correct);
  CHECK(r.mean_argmax[1] == 0.0f && r.mean_expected[1] == 0.0f);
}

TEST(micro_batches_add_up) {
  Batch b(9, 6);
  const Batch::Result all = b.run();
  double loss = 0.0;
  for (int64_t part = 0; part < 2; ++part) {
    Batch half = b;
    const int64_t from = part * 27;
    half.sequences = 3;
    half.n = 27;
    half.options.num_samples = 6;
    half.logits.erase(half.logits.begin(), half.logits.begin() + 3 * from);
    half.labels.erase(half.labels.begin(), half.labels.begin() + from);
    half.mask.erase(half.mask.begin(), half.mask.begin() + from);
    half.sentence.erase(half.sentence.begin(), half.sentence.begin() + part * 3);
    const Batch::Result r = half.run();
    loss += r.stats[TPPO_REWARD_MODEL_LOSS];
    CHECK(memcmp(r.grad.data(), all.grad.data() + 3 * from, 81 * sizeof(float)) == 0);
  }
  CHECK_NEAR(loss, all.stats[TPPO_REWARD_MODEL_LOSS], 1e-12, 1e-12);
}

static void check_packed_in_place_and_bfloat16(Batch b) {
  test::Vec<uint16_t> half;
  for (float& x : b.logits) half.push_back(test::to_bf16(x)), x = test::from_bf16(half.back());
  const Batch::Result padded = b.run();
  for (int64_t i = 0; i <= b.sequences; ++i) b.cu.push_back(static_cast<int32_t>(i * b.length));
  CHECK(test::same_bits(b.run().bits(), padded.bits()));
  tppo_reward_model_loss_args a = b.options;
  a.num_tokens = b.n;
  a.num_sequences = b.sequences;
  a.dtype = TPPO_BF16;
  a.logits = a.grad_logits = half.data();
  a.labels = b.labels.data();
  a.sentence_labels = b.sentence.data();
  a.mask = b.mask.data();
  CHECK_OK(RUN(reward_model_loss, a));
  for (size_t k = 0; k < half.size(); ++k) CHECK(half[k] == test::to_bf16(padded.grad[k]));
}

TEST(packed_in_place_and_bfloat16) {
  check_packed_in_place_and_bfloat16(Batch(11));
  check_packed_in_place_and_bfloat16(Batch(12, 4, 300));
}

/// Every output of every token, from the formulas of the gradients.
static void check_tokens(const Batch& b) {
  const Batch::Result r = b.run();
  for (int64_t s = 0; s < b.sequences; ++s) {
    const int64_t begin = b.cu.empty() ? s * b.length : b.cu[s], end = b.cu.empty() ? begin + b.length : b.cu[s + 1];
    std::vector<std::array<double, 3>> p(static_cast<size_t>(b.n));
    double hard = 0.0, count = 0.0;
    for (int64_t i = begin; i < end; ++i) {
      const double z[3] = {b.logits[3 * i], b.logits[3 * i + 1], b.logits[3 * i + 2]};
      Batch::softmax(z, p[i].data());
      if (!b.mask[i]) continue;
      hard += Batch::argmax(z);
      count += 1.0;
      CHECK(r.argmax[i] == Batch::argmax(z));
    }
    const double slope = count > 0.0 ? 2.0 / static_cast<double>(b.sequences) / count * (hard / count - b.sentence[s]) : 0.0;
    for (int64_t i = begin; i < end; ++i) {
      const double expected = p[i][1] + 2.0 * p[i][2], w = b.options.class_weights[b.labels[i]];
      CHECK_NEAR(r.expected[i], b.mask[i] ? expected : 0.0, 1e-9, 1e-7);
      CHECK_NEAR(r.nll[i], b.mask[i] ? -w * std::log(p[i][b.labels[i]]) : 0.0, 1e-9, 1e-6);
      for (int c = 0; c < 3; ++c) {
        const double local = b.options.w_local * w / static_cast<double>(b.sequences) * (p[i][c] - (c == b.labels[i]));
        CHECK_NEAR(r.grad[3 * i + c], b.mask[i] ? local + b.options.w_global * slope * p[i][c] * (c - expected) : 0.0, 1e-9, 1e-6);
      }
    }
  }
}

TEST(long_sequences) {
  test::each_isa([] {
    for (int64_t length : {15, 16, 17, 33, 256, 257, 700}) check_tokens(Batch(31, 4, length));
    Batch b(33, 4, 300);
    b.cu = {0, 16, 289, 290, 1200};
    check_tokens(b);
  });
}

TEST(poison_in_masked_slots_changes_no_bit) {
  const Batch clean(13);
  for (float poison : test::kPoison) {
    Batch b = clean;
    b.sentence[1] = poison;  // of the empty sequence
    for (int64_t i = 0; i < b.n; ++i)
      if (!b.mask[i]) b.logits[3 * i] = b.logits[3 * i + 1] = b.logits[3 * i + 2] = poison, b.labels[i] = -4;
    CHECK(test::same_bits(b.run().bits(), clean.run().bits()));
  }
}

TEST(label_outside_the_mask_changes_no_bit) {
  Batch b(14);
  b.global_mask = test::Vec<uint8_t>(b.n, 1);  // such tokens have a gradient too
  for (int64_t i = 0; i < b.n; i += 3) b.logits[3 * i] = 900.0f;  // probabilities, and with them gradients, of 0: their sign must not tell
  const test::Vec<float> bits = b.run().bits();
  for (int32_t label : {-4, 0, 1, 2}) {
    for (int64_t i = 0; i < b.n; ++i)
      if (!b.mask[i]) b.labels[i] = label;
    CHECK(test::same_bits(b.run().bits(), bits));
  }
}

TEST(poison_in_masked_slots_of_16_bit_logits_changes_no_bit) {
  const Batch b(15);
  for (int32_t dtype : {TPPO_BF16, TPPO_F16}) {
    test::Vec<float> bits;
    for (float with : {0.0f, test::kNaN, test::kInf, -test::kInf, 1e30f, -1e30f}) {
      test::Vec<uint16_t> logits;
      for (int64_t k = 0; k < 3 * b.n; ++k) {
        const float x = b.mask[k / 3] ? b.logits[k] : with;
        logits.push_back(dtype == TPPO_BF16 ? test::to_bf16(x) : test::to_f16(x));
      }
      test::Vec<double> stats(TPPO_REWARD_MODEL_STATS);
      tppo_reward_model_loss_args a = b.options;
      a.num_tokens = b.n;
      a.num_sequences = b.sequences;
      a.dtype = dtype;
      a.logits = a.grad_logits = logits.data();
      a.labels = b.labels.data();
      a.sentence_labels = b.sentence.data();
      a.mask = b.mask.data();
      a.stats = stats.data();
      CHECK_OK(RUN(reward_model_loss, a));
      test::Vec<float> found;
      test::append(found, logits);
      test::append(found, stats);
      if (bits.empty()) bits = found;
      CHECK(test::same_bits(found, bits));
    }
  }
}

TEST(a_loss_without_weight_does_not_count_whatever_it_is) {
  Batch b(16);
  b.options.w_global = 0.0;
  const Batch::Result clean = b.run();
  for (float& label : b.sentence) label = test::kNaN;
  const Batch::Result r = b.run();
  CHECK(std::isnan(r.stats[TPPO_REWARD_MODEL_GLOBAL]) && r.stats[TPPO_REWARD_MODEL_LOSS] == clean.stats[TPPO_REWARD_MODEL_LOSS]);
  CHECK(test::same_bits(r.grad, clean.grad));

  Batch sure(16);
  sure.options.w_local = 0.0;
  for (int64_t i = 0; i < sure.n; ++i) sure.logits[3 * i + sure.labels[i]] = -test::kInf;  // an infinite local loss
  CHECK(std::isfinite(sure.run().stats[TPPO_REWARD_MODEL_LOSS]));
}

TEST(bad_rows_are_counted_and_contained) {
  Batch b(17);
  b.mask[3 * 9 + 2] = 1;
  b.logits[3 * (3 * 9 + 2) + 1] = test::kNaN;
  const Batch::Result r = b.run();
  CHECK(r.stats[TPPO_REWARD_MODEL_BAD_ROWS] == 1.0 && std::isfinite(r.stats[TPPO_REWARD_MODEL_LOSS]));
  CHECK(std::isnan(r.grad[3 * (3 * 9 + 2)]) && std::isfinite(r.grad[0]) && std::isnan(r.mean_argmax[3]));
}

TEST(threads_and_instruction_sets_change_no_bit) {
  for (const Batch& b : {Batch(19, 300), Batch(20, 5, 700)}) CHECK_THREADS_AND_ISAS([&] { return b.run().bits(); });
}
