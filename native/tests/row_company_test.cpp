// SPDX-License-Identifier: Apache-2.0
// A row's results do not depend on the rows that are handled with it: they have the bits that the row has in a call of its own.
#include "linear_batch.h"

namespace {

using test::kInf;
using test::kNaN;
using test::Numbers;
using test::Vec;

constexpr int64_t kTokens = 37;  // more than two tasks of the CPU
enum Kind { kUsual, kMasked, kNoGradient, kHoles, kNothing, kBad };

struct Batch {
  int64_t v, stride;
  int32_t dtype;
  double entropy_coef;
  bool in_place;
  Numbers logits;
  Vec<int64_t> targets;
  Vec<uint8_t> mask;
  Vec<float> old, advantages;

  Batch(int64_t v_, int32_t dtype_, double entropy_coef_, bool in_place_)
      : v(v_), stride(v_ + 2), dtype(dtype_), entropy_coef(entropy_coef_), in_place(in_place_), logits(dtype_, kTokens * (v_ + 2)) {
    test::Random r(static_cast<uint64_t>(v));
    old = r.normals(kTokens);
    advantages = r.normals(kTokens);
    for (int64_t i = 0; i < kTokens; ++i) {
      // The first and the last of a task too are of every kind in some row.
      const Kind kind = i % 3 == 0 ? static_cast<Kind>(r.below(6)) : kUsual;
      mask.push_back(kind != kMasked);
      targets.push_back(r.below(v));
      const double deviation = 1.0 + static_cast<double>(i % 5) * 4.0;
      for (int64_t j = 0; j < v; ++j) {
        float x = static_cast<float>(deviation * r.normal());
        if (kind == kNothing || (kind == kHoles && j != targets.back() && r.below(3) == 0)) x = -kInf;
        logits.set(i * stride + j, x);
      }
      if (kind == kBad) logits.set(i * stride + r.below(v), kNaN);
      if (kind == kNoGradient) advantages[static_cast<size_t>(i)] = 0.0f;
    }
  }

  /// Everything that is written for tokens [begin, end).
  Vec<float> run(int64_t begin, int64_t end) const {
    const int64_t n = end - begin;
    Numbers x(dtype, n * stride), grad(dtype, n * stride);
    for (int64_t k = 0; k < n * stride; ++k) {
      x.set(k, static_cast<float>(logits.get(begin * stride + k)));
      grad.set(k, test::kUnwritten);
    }
    Numbers& out = in_place ? x : grad;
    tppo_policy_loss_args a = test::args_of(tppo_policy_loss_init);
    a.num_tokens = n;
    a.vocab_size = v;
    a.dtype = dtype;
    a.logits_stride = a.grad_stride = stride;
    a.temperature = 0.7;
    a.normalizer = 11.0;
    a.entropy_coef = entropy_coef;
    a.logits = x.data();
    a.grad_logits = out.data();
    a.targets = targets.data() + begin;
    a.mask = mask.data() + begin;
    a.old_logprobs = old.data() + begin;
    a.advantages = advantages.data() + begin;
    Vec<float> per_token[2] = {test::unwritten(n), test::unwritten(n)};
    a.logprob = per_token[0].data();
    a.grad_logprob = per_token[1].data();
    CHECK_OK(RUN(policy_loss, a));
    Vec<float> all;
    for (int64_t i = 0; i < n; ++i) {
      for (const auto& values : per_token) all.push_back(values[static_cast<size_t>(i)]);
      // Which NaN stands in a bad row is of no account.
      for (int64_t j = 0; j < v; ++j) all.push_back(std::isnan(out.get(i * stride + j)) ? kNaN : static_cast<float>(out.get(i * stride + j)));
    }
    return all;
  }
};

/// What was written for every token, in two ways.
void check(const Batch& b, const Vec<float>& actual, const Vec<float>& expected) {
  if (actual.size() != expected.size()) return test::failed(__FILE__, __LINE__, "not as many numbers");
  for (size_t k = 0; k < expected.size(); ++k) {
    if (memcmp(&actual[k], &expected[k], sizeof(float)) == 0) continue;
    const int64_t width = b.v + 2;
    char what[200];
    snprintf(what, sizeof what, "token %d, number %d is %.9g, alone %.9g (vocabulary %d, dtype %d, entropy_coef %g, %s)", static_cast<int>(static_cast<int64_t>(k) / width),
             static_cast<int>(static_cast<int64_t>(k) % width), static_cast<double>(actual[k]), static_cast<double>(expected[k]), static_cast<int>(b.v), b.dtype,
             b.entropy_coef, b.in_place ? "in place" : "beside");
    return test::failed(__FILE__, __LINE__, what);
  }
}

TEST(a_row_has_the_same_bits_in_any_company) {
  test::each_isa([] {
    // Around the steps and blocks of the CPU; a device needs fewer, and a sanitizer slows it down a hundredfold.
    const std::vector<int64_t> vocabularies = test::kOnDevice ? std::vector<int64_t>{130, 2050} : std::vector<int64_t>{1, 40, 64, 130, 2048, 2050, 4200};
    for (const int64_t v : vocabularies)
      for (const int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16})
        for (const double entropy_coef : {0.0, 0.02})
          for (const bool in_place : {false, true}) {
            const Batch b(v, dtype, entropy_coef, in_place);
            Vec<float> alone;
            for (int64_t i = 0; i < kTokens; ++i) test::append(alone, b.run(i, i + 1));
            Vec<float> parts = b.run(0, 20);
            test::append(parts, b.run(20, kTokens));
            check(b, b.run(0, kTokens), alone);
            check(b, parts, alone);
          }
  });
}

}  // namespace
