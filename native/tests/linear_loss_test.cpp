// SPDX-License-Identifier: Apache-2.0
// The losses behind an output layer against a reference in double, and their promises: chunks, threads and masked tokens change no bit.
#include "linear_check.h"

namespace {

using test::Array;
using test::check_all;
using test::LinearBatch;
using test::LinearShape;
using test::Numbers;

constexpr int32_t kTypes[] = {TPPO_F32, TPPO_BF16, TPPO_F16};

/// Fills what must not be read.
void poison(LinearBatch& b, float with, bool by_weight) {
  for (int64_t i = 0; i < b.s.tokens; ++i) {
    for (int64_t h = b.counts(i, by_weight) ? b.s.hidden : 0; h < b.stride(); ++h) b.hidden.set(i * b.stride() + h, with);
    if (b.counts(i, by_weight)) continue;
    b.b.targets[i] = -7;
    if (b.b.mask[i] == 0) b.b.old[i] = b.b.ref[i] = b.b.advantages[i] = b.token_weights[i] = with;
  }
}

}  // namespace

TEST(agrees_with_reference) {
  const LinearShape shapes[] = {{1, 3, 1, 2, 0},    {17, 127, 33, 5, 0},  {17, 1, 2049, 0, 16}, {40, 3, 2, 1, 16},
                                {33, 300, 70, 0, 0}, {400, 5, 9, 0, 0}, {18, 16, 600, 0, 1000}, {70, 33, 48, 7, 32}};
  test::each_isa([&] {
    for (const LinearShape& s : shapes)
      for (int32_t dtype : kTypes) {
        LinearBatch b(s, dtype, 1);
        if (test::logit_error(b) > 0.0) b.b.options.eps_low = 1.0, b.b.options.eps_high = 100.0;  // a rounded logit may cross a clip's edge
        check_all(b);
      }
  });
}

TEST(agrees_with_reference_under_all_options) {
  for (int32_t aggregation : {TPPO_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_SUM}) {
    LinearBatch b({36, 20, 50, 0, 16}, TPPO_F32, 3);
    b.b.options.aggregation = aggregation;
    b.b.options.num_sequences = b.b.sequences = 4;
    b.b.options.temperature = 1.3;
    b.b.options.entropy_coef = 0.02;
    b.b.options.kl_coef = 0.3;
    b.b.options.dual_clip = 3.0;
    b.anchor(3);
    check_all(b);
    b.b.options.normalizer = 11.0;
    check_all(b);
  }
}

TEST(chunks_change_no_bit) {
  // On a device a chunk's part of the matrix's gradient is summed up before it is added.
  const auto bits = [](LinearBatch::Result r) {
    if (test::kOnDevice) r.grad_weight.clear();
    return r.bits();
  };
  const auto check = [&](const LinearShape& shape, int32_t dtype) {
    LinearBatch b(shape, dtype, 5);
    const Array<float> policy = bits(b.run_policy()), nll = bits(b.run_nll()), log_probs = bits(b.run_log_probs());
    for (int64_t chunk : {16, 40, 64, 1 << 20}) {
      b.s.chunk = chunk;
      CHECK(test::same_bits(bits(b.run_policy()), policy));
      CHECK(test::same_bits(bits(b.run_nll()), nll));
      CHECK(test::same_bits(bits(b.run_log_probs()), log_probs));
    }
  };
  test::each_isa([&] {
    for (int32_t dtype : kTypes) {
      check(test::kOnDevice ? LinearShape{75, 40, 131, 3, 0} : LinearShape{150, 270, 131, 3, 0}, dtype);
      if (!test::kOnDevice) check(LinearShape{70, 3, 9000, 0, 0}, dtype);  // whose rows are shared out few at a time
    }
  });
}

TEST(two_calls_add_up_to_one) {
  LinearBatch b({64, 24, 90, 0, 0}, TPPO_F32, 7);
  b.b.options.normalizer = 50.0;
  const LinearBatch::Result whole = b.run_policy();
  LinearBatch::Result parts = b.result(TPPO_POLICY_STATS);
  for (int64_t first : {0, 40}) {
    tppo_linear_args linear = b.linear(parts);
    tppo_policy_loss_args a = b.policy(parts);
    a.num_tokens = first == 0 ? 40 : 24;
    linear.hidden = static_cast<const float*>(linear.hidden) + first * 24;
    linear.grad_hidden = static_cast<float*>(linear.grad_hidden) + first * 24;
    for (const float** p : {&a.old_logprobs, &a.advantages, &a.ref_logprobs}) *p += first;
    for (float** p : {&a.logprob, &a.entropy}) *p += first;
    a.targets += first;
    a.mask += first;
    CHECK_OK(RUN_LINEAR(policy_loss, linear, a));
  }
  if (test::kOnDevice)
    for (size_t k = 0; k < whole.grad_weight.size(); ++k) CHECK_NEAR(parts.grad_weight[k], whole.grad_weight[k], 1e-6, 1e-6);
  else
    CHECK(test::same_bits(parts.grad_weight, whole.grad_weight));
  CHECK(test::same_bits(parts.grad_hidden.bits(), whole.grad_hidden.bits()));
  CHECK(test::same_bits(parts.logprob, whole.logprob));
}

TEST(what_does_not_count_is_not_read) {
  for (int32_t dtype : kTypes) {
    const LinearBatch clean({60, 37, 41, 4, 16}, dtype, 9);
    const Array<float> policy = clean.run_policy().bits(), nll = clean.run_nll().bits();
    for (float with : test::kPoison) {
      LinearBatch b = clean;
      poison(b, with, false);
      CHECK(test::same_bits(b.run_policy().bits(), policy));
      b = clean;
      poison(b, with, true);
      CHECK(test::same_bits(b.run_nll().bits(), nll));
    }
  }
}

TEST(threads_change_no_bit) {
  for (int32_t dtype : kTypes) {
    const LinearBatch b(test::kOnDevice ? LinearShape{40, 30, 200, 0, 16} : LinearShape{90, 150, 700, 0, 48}, dtype, 11);
    CHECK_THREADS([&] {
      Array<float> all = b.run_policy().bits();
      test::append(all, b.run_nll().bits());
      test::append(all, b.run_log_probs().bits());
      return all;
    });
  }
}

TEST(same_bits_as_the_operation_on_the_same_logits) {
  // Behind the unit matrix the logits are the hidden states, and the gradients of both are one. On the CPU logits are float32.
  test::each_isa([] {
    for (int32_t dtype : kTypes) {
      LinearBatch b({45, 300, 300, 0, 16}, dtype, 13);
      b.b.options.entropy_coef = 0.01;
      for (int64_t k = 0; k < 300 * 300; ++k) b.weight.set(k, k % 301 == 0 ? 1.0f : 0.0f);
      const int32_t logits_type = test::kOnDevice ? dtype : TPPO_F32;
      Numbers logits(logits_type, 45 * 300), grad(logits_type, 45 * 300), rounded(dtype, 45 * 300);
      for (int64_t k = 0; k < 45 * 300; ++k) logits.set(k, static_cast<float>(b.hidden.get(k)));
      const LinearBatch::Result r = b.run_policy();
      LinearBatch::Result expected = b.result(TPPO_POLICY_STATS);
      tppo_policy_loss_args a = b.policy(expected);
      a.dtype = logits_type;
      a.logits = logits.data();
      a.grad_logits = grad.data();
      CHECK_OK(RUN(policy_loss, a));
      CHECK(test::same_bits(r.logprob, expected.logprob) && test::same_bits(r.entropy, expected.entropy));
      CHECK(test::same_bits(r.stats, expected.stats));
      for (int64_t k = 0; k < 45 * 300; ++k) rounded.set(k, static_cast<float>(grad.get(k)));
      for (int64_t k = 0; k < 45 * 300; ++k) CHECK(r.grad_hidden.get(k) == rounded.get(k));
    }
  });
}

TEST(each_gradient_alone_or_none) {
  const LinearBatch b({50, 30, 40, 2, 16}, TPPO_F32, 15);
  const LinearBatch::Result both = b.run_policy();
  for (int which = 0; which < 3; ++which) {
    LinearBatch::Result r = b.result(TPPO_POLICY_STATS);
    const LinearBatch::Result before = r;
    tppo_linear_args linear = b.linear(r);
    if (which != 1) linear.grad_hidden = nullptr;
    if (which != 2) linear.grad_weight = nullptr;
    const tppo_policy_loss_args a = b.policy(r);
    CHECK_OK(RUN_LINEAR(policy_loss, linear, a));
    CHECK(test::same_bits(r.logprob, both.logprob) && test::same_bits(r.stats, both.stats));
    CHECK(test::same_bits(r.grad_hidden.bits(), (which == 1 ? both : before).grad_hidden.bits()));
    CHECK(test::same_bits(r.grad_weight, (which == 2 ? both : before).grad_weight));
  }
}

TEST(nothing_valid_and_nothing_at_all) {
  for (int64_t tokens : {0, 21}) {
    LinearBatch b({tokens, 8, 30, 3, 0}, TPPO_F32, 17);
    b.b.mask.assign(static_cast<size_t>(tokens), 0);
    poison(b, test::kNaN, false);
    for (const LinearBatch::Result& r : {b.run_policy(), b.run_nll()}) {
      for (double x : r.stats) CHECK(x == 0.0);
      for (int64_t i = 0; i < tokens; ++i)
        for (int64_t h = 0; h < 8; ++h) CHECK(r.grad_hidden.get(i * 11 + h) == 0.0);
      CHECK(test::same_bits(r.grad_weight, b.grad_before));
    }
  }
}

TEST(bad_rows_are_counted_and_contained) {
  test::each_isa([] {
    LinearBatch b({40, 12, 50, 0, 0}, TPPO_F32, 19);
    b.b.mask.assign(40, 1);
    b.b.options.normalizer = 40.0;
    const LinearBatch::Result clean = b.run_policy();
    b.b.advantages[7] = test::kNaN;
    const LinearBatch::Result r = b.run_policy();
    CHECK(r.stats[TPPO_POLICY_BAD_ROWS] == 1.0 && std::isnan(r.logprob[7]));
    for (int64_t k = 0; k < 40 * 12; ++k)
      CHECK(k / 12 == 7 ? std::isnan(r.grad_hidden.get(k)) : r.grad_hidden.get(k) == clean.grad_hidden.get(k));
    for (float g : r.grad_weight) CHECK(std::isnan(g));
    b.b.options.zero_bad_rows = 1;
    const LinearBatch::Result zeroed = b.run_policy();
    b.b.mask[7] = 0;
    CHECK(test::same_bits(zeroed.grad_weight, b.run_policy().grad_weight));
    for (int64_t h = 0; h < 12; ++h) CHECK(zeroed.grad_hidden.get(7 * 12 + h) == 0.0);
    b.b.mask[7] = 1;
    b.hidden.set(3 * 12 + 5, test::kInf);
    CHECK(b.run_policy().stats[TPPO_POLICY_BAD_ROWS] == 2.0);
  });
}

TEST(wrong_arguments_are_named) {
  LinearBatch b({20, 8, 30, 2, 0}, TPPO_F32, 21);
  LinearBatch::Result r = b.result(TPPO_POLICY_STATS);
  const auto policy = [&](const char* part, void (*spoil)(tppo_linear_args&, tppo_policy_loss_args&)) {
    tppo_linear_args linear = b.linear(r);
    tppo_policy_loss_args a = b.policy(r);
    spoil(linear, a);
    const Array<float> before = r.bits();
    CHECK_INVALID(RUN_LINEAR(policy_loss, linear, a), part);
    CHECK(test::same_bits(r.bits(), before));
  };
  using L = tppo_linear_args&;
  using A = tppo_policy_loss_args&;
  policy("hidden is NULL", [](L l, A) { l.hidden = nullptr; });
  policy("weight is NULL", [](L l, A) { l.weight = nullptr; });
  policy("targets is NULL", [](L, A a) { a.targets = nullptr; });
  if (!test::kOnDevice) policy("targets[", [](L, A a) { a.vocab_size = 1; });
  policy("hidden_size is 0", [](L l, A) { l.hidden_size = 0; });
  policy("hidden_stride is 7", [](L l, A) { l.hidden_stride = 7; });
  policy("chunk_tokens is -1", [](L l, A) { l.chunk_tokens = -1; });
  policy("args->size", [](L l, A) { l.size = 8; });
  policy("args->size", [](L, A a) { a.size = 8; });
  policy("logits are given", [](L l, A a) { a.logits = l.hidden; });
  policy("grad_logits is given", [](L l, A a) { a.grad_logits = l.grad_hidden; });
  policy("logits_stride is 30", [](L, A a) { a.logits_stride = 30; });
  policy("grad_stride is 30", [](L, A a) { a.grad_stride = 30; });
  policy("num_rows is 2", [](L, A a) { a.num_rows = 2; });
  policy("grad_hidden overlaps hidden", [](L l, A) { l.grad_hidden = const_cast<void*>(l.hidden); });
  policy("grad_weight overlaps weight", [](L l, A) { l.grad_weight = static_cast<float*>(const_cast<void*>(l.weight)) + 1; });
  policy("grad_hidden overlaps grad_weight", [](L l, A) { l.grad_weight = static_cast<float*>(l.grad_hidden); });
  policy("hidden is not aligned", [](L l, A) { l.hidden = static_cast<const char*>(l.hidden) + 1; });

  tppo_linear_args linear = b.linear(r);
  tppo_token_log_probs_args forward = b.log_probs(r);
  CHECK_INVALID(RUN_LINEAR(token_log_probs, linear, forward), "grad_hidden or grad_weight is given");
  linear = b.linear(r, false);
  uint64_t bytes = 0;
  CHECK_OK(tppo_linear_token_log_probs_workspace(&linear, &forward, test::kDevice, &bytes));
  Array<unsigned char> workspace(bytes);
  CHECK_INVALID(tppo_linear_token_log_probs(&linear, &forward, test::kDevice, nullptr, workspace.data(), bytes - 1), "workspace_size is");
  CHECK_INVALID(tppo_linear_token_log_probs(&linear, &forward, test::kDevice, nullptr, nullptr, bytes), "workspace is NULL");
  CHECK_INVALID(tppo_linear_token_log_probs(nullptr, &forward, test::kDevice, nullptr, workspace.data(), bytes), "args is NULL");
}

TEST(sizes_that_overflow_are_refused) {
  tppo_linear_args linear;
  tppo_token_log_probs_args a;
  const auto size = [&](int64_t tokens, int64_t vocab, int64_t hidden, int64_t chunk) {
    tppo_linear_init(&linear);
    tppo_token_log_probs_init(&a);
    a.num_tokens = tokens;
    a.vocab_size = vocab;
    linear.hidden_size = hidden;
    linear.chunk_tokens = chunk;
    uint64_t bytes = 0;
    return tppo_linear_token_log_probs_workspace(&linear, &a, test::kDevice, &bytes);
  };
  constexpr int64_t kMost = INT64_C(1) << 56;
  constexpr int64_t kWidest = INT64_C(1) << 40;
  CHECK_INVALID(size(kMost, kWidest, 1, kMost), "chunk_tokens is 72057594037927936");
  CHECK_INVALID(size(1, kWidest + 1, 1, 16), "vocab_size of logits is");
  CHECK_INVALID(size(kMost, 1 << 20, 1, 0), "num_tokens is 72057594037927936");
  CHECK_INVALID(size(kMost, 1, kMost, 16), "chunk_tokens is 16");
  CHECK_INVALID(size(16, kWidest, kMost, 16), "chunk_tokens is 16");
  CHECK_INVALID(size(16, INT64_C(1) << 32, INT64_C(1) << 32, 16), "weight: ");
  CHECK_OK(size(INT64_C(1) << 40, 32000, 4096, 1024));
}
