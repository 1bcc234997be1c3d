// SPDX-License-Identifier: Apache-2.0
// The operations on rows of logits over widths from 1 to 262144, all dtypes, any stride and alignment, in place and apart, with a mask and
// with a row list, where rows hold -inf, NaN or one certain token: against a reference in double, and not a byte beside the rows written.
#include <algorithm>

#include "test.h"

using test::Random;
using test::Vec;

namespace {

struct F32 {
  using Element = float;
  static constexpr int32_t kDtype = TPPO_F32;
  static constexpr double kRounding = 0.0, kSmallest = 0.0;
  static float from(float x) { return x; }
  static float to(float x) { return x; }
};
struct Bf16 {
  using Element = uint16_t;
  static constexpr int32_t kDtype = TPPO_BF16;
  static constexpr double kRounding = 0x1p-8, kSmallest = 0.0;
  static float from(uint16_t x) { return test::from_bf16(x); }
  static uint16_t to(float x) { return test::to_bf16(x); }
};
struct F16 {
  using Element = uint16_t;
  static constexpr int32_t kDtype = TPPO_F16;
  static constexpr double kRounding = 0x1p-11, kSmallest = 0x1p-25;
  static float from(uint16_t x) { return test::from_f16(x); }
  static uint16_t to(float x) { return test::to_f16(x); }
};

/// n rows of v elements, `stride` apart, the first `misalignment` elements past a 16-byte boundary. What lies beside the rows is NaN.
/// In the memory of the tests the last row ends where the allocation does, wherever that alignment allows.
template <typename Type>
struct Rows {
  using Element = typename Type::Element;
  int64_t n, v, stride;
  Vec<Element> memory;
  int64_t first;

  Rows(int64_t n_, int64_t v_, int64_t stride_, int misalignment) : n(n_), v(v_), stride(stride_) {
    const int64_t in_vector = 16 / static_cast<int64_t>(sizeof(Element)), size = (n - 1) * stride + v;
    const int64_t behind = (2 * in_vector - size % in_vector - misalignment) % in_vector;
    for (int64_t in_front : {int64_t{0}, in_vector}) {
      memory.assign(static_cast<size_t>(in_front + size + behind), Type::to(test::kNaN));
      memory.shrink_to_fit();
      for (first = 0; first <= in_front; ++first)
        if (reinterpret_cast<uintptr_t>(memory.data() + first) % 16 == misalignment * sizeof(Element)) return;
    }
    test::failed(__FILE__, __LINE__, "no memory of the alignment wanted");
  }
  // A copy would lie elsewhere.
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  Element* row(int64_t i) { return memory.data() + first + i * stride; }
  float at(int64_t i, int64_t j) { return Type::from(row(i)[j]); }
};

/// Softmax of a row in double.
struct Distribution {
  double m = -INFINITY, s = 0.0, t = 0.0;
  bool bad = false;

  template <typename Type>
  Distribution(Rows<Type>& z, int64_t i, double temperature) {
    for (int64_t j = 0; j < z.v; ++j) {
      bad = bad || std::isnan(z.at(i, j));
      m = std::max<double>(m, z.at(i, j));
    }
    bad = bad || std::isinf(m);
    for (int64_t j = 0; j < z.v && !bad; ++j) {
      const double d = (z.at(i, j) - m) / temperature;
      if (d == -INFINITY) continue;
      s += std::exp(d);
      t += std::exp(d) * d;
    }
  }
  double log_prob(double logit, double temperature) const { return (logit - m) / temperature - std::log(s); }
  double entropy() const { return std::log(s) - t / s; }
};

struct Case {
  int64_t v, stride;  // of logits and gradient alike
  int misalignment;
  bool in_place, row_list;
  double entropy_coef;
};

constexpr int64_t kTokens = 6;
constexpr double kTemperature = 0.9;
/// Of a log-prob in float32: 1 - p of an all but certain token is known no better than a few roundings of 1.
constexpr double kLogProbError = 0x1p-22;

/// Row 0 does not count; row 2 has holes of -inf; row 3 is bad; row 4 is all but certain; the target of row 5 is -inf.
template <typename Type>
struct Batch {
  const Case c;
  Rows<Type> logits;
  Vec<int64_t> targets;
  Vec<float> old = Vec<float>(kTokens), advantages = Vec<float>(kTokens);
  Vec<uint8_t> mask = {0, 1, 1, 1, 1, 1};
  Vec<int32_t> rows = {1, 2, 3, 4, 5}, cu = {0, 2, 2, 6};
  std::vector<Distribution> reference;

  Batch(const Case& c_, uint64_t seed) : c(c_), logits(kTokens, c_.v, c_.stride, c_.misalignment) {
    Random r(seed);
    for (int64_t i = 1; i < kTokens; ++i) {
      targets.resize(1, -7);
      for (int64_t j = 0; j < c.v; ++j) logits.row(i)[j] = Type::to(static_cast<float>(2.0 * r.normal()));
    }
    for (int64_t i = 1; i < kTokens; ++i) targets.push_back(r.below(c.v));
    for (int64_t j = 0; j < c.v; ++j)
      if (j != targets[2] && (j < c.v / 2 || j % 3 == 0)) logits.row(2)[j] = Type::to(-test::kInf);
    logits.row(3)[r.below(c.v)] = Type::to(r.uniform() < 0.5 ? test::kNaN : test::kInf);
    logits.row(4)[targets[4]] = Type::to(30.0f);
    if (c.v > 1) logits.row(5)[targets[5]] = Type::to(-test::kInf);
    for (int64_t i = 0; i < kTokens; ++i) {
      reference.emplace_back(logits, i, kTemperature);
      advantages[i] = i == 0 ? test::kNaN : static_cast<float>(i % 2 == 0 ? 1.3 : -0.7);
      old[i] = i == 0 ? test::kNaN : i == 5 ? -12.0f : reference[i].bad ? 0.0f : static_cast<float>(log_prob(i) - 0.1);
    }
  }

  double log_prob(int64_t i) { return reference[i].log_prob(logits.at(i, targets[i]), kTemperature); }

  template <typename Args>
  void fill(Args& a) {
    a.num_tokens = kTokens;
    a.vocab_size = c.v;
    a.logits_stride = c.stride;
    a.dtype = Type::kDtype;
    a.temperature = kTemperature;
    a.logits = logits.row(0);
    a.targets = targets.data();
    if (c.row_list) {
      a.rows = rows.data();
      a.num_rows = static_cast<int64_t>(rows.size());
    } else {
      a.mask = mask.data();
    }
  }
};

/// The loss term of a token as the paper has it, as a function of its log-prob and entropy.
double term(const tppo_policy_loss_args& a, double lp, double h, double old, double advantage) {
  const double ratio = std::exp(std::min(std::max(lp - old, -20.0), 20.0));
  const double clipped = std::min(std::max(ratio, 1.0 - a.eps_low), 1.0 + a.eps_high);
  return -std::min(ratio * advantage, clipped * advantage) - a.entropy_coef * h;
}

/// Gradient rows against the reference: slope_lp and slope_h are the derivatives of the loss.
template <typename Type>
void check_gradient(Batch<Type>& b, Rows<Type>& before, Rows<Type>& grad, int64_t i, double slope_lp, double slope_h) {
  const Distribution& d = b.reference[i];
  const double h = d.entropy();
  double wrong = 0.0;
  int64_t where = 0;
  for (int64_t j = 0; j < b.c.v; ++j) {
    const double lp = d.log_prob(before.at(i, j), kTemperature), p = std::exp(lp);
    const double own = j == b.targets[i] ? -std::expm1(lp) : -p;
    const double expected = (slope_lp * own - (p > 0.0 ? slope_h * p * (lp + h) : 0.0)) / kTemperature;
    const double size = p > 0.0 ? std::fabs(slope_lp * own) + std::fabs(slope_h) * p * (1.0 + h - lp) : 0.0;
    // Rounding of the type, and that of a float32 exp of a number as large as lp.
    const double allowed = Type::kRounding * std::fabs(expected) + Type::kSmallest + std::fabs(slope_lp) * p * kLogProbError + size * (3e-6 + 2e-7 * std::min(-lp, 1000.0)) + 1e-30;
    const double error = std::fabs(grad.at(i, j) - expected) / allowed;
    if (!(error <= wrong)) wrong = error, where = j;
  }
  if (wrong <= 1.0) return;
  test::failed(__FILE__, __LINE__,
               "gradient of row " + std::to_string(i) + " at " + std::to_string(where) + " is " + std::to_string(wrong) + " times as far off as allowed");
}

/// What is not a gradient row that counts has its old bits, or 0 in a masked row.
template <typename Type>
void check_beside(Batch<Type>& b, const Vec<typename Type::Element>& before, Rows<Type>& grad) {
  Vec<typename Type::Element> expected = before;
  for (int64_t i = b.c.row_list ? 1 : 0; i < kTokens; ++i)
    for (int64_t j = 0; j < b.c.v; ++j) expected[grad.first + i * b.c.stride + j] = i == 0 ? Type::to(0.0f) : grad.row(i)[j];
  CHECK(test::same_bits(expected, grad.memory));
}

template <typename Type>
void check_policy(const Case& c) {
  Batch<Type> b(c, 5);
  const Vec<typename Type::Element> before = b.logits.memory;
  tppo_policy_loss_args a;
  tppo_policy_loss_init(&a);
  b.fill(a);
  Rows<Type> apart(kTokens, c.v, c.stride, c.misalignment), logits(kTokens, c.v, c.stride, c.misalignment);
  logits.memory = before;
  Rows<Type>& grad = c.in_place ? b.logits : apart;
  Vec<float> logprob = test::unwritten(kTokens), entropy = logprob, ratio = logprob;
  Vec<double> stats(TPPO_POLICY_STATS, test::kUnwritten);
  a.num_sequences = 3;
  a.grad_stride = c.stride;
  a.aggregation = TPPO_SEQ_MEAN_TOKEN_MEAN;
  a.entropy_coef = c.entropy_coef;
  a.old_logprobs = b.old.data();
  a.advantages = b.advantages.data();
  a.cu_seqlens = b.cu.data();
  a.logprob = logprob.data();
  a.entropy = entropy.data();
  a.ratio = ratio.data();
  a.grad_logits = grad.row(0);
  a.stats = stats.data();
  const Vec<typename Type::Element> beside = grad.memory;
  CHECK_OK(RUN(policy_loss, a));

  double loss = 0.0;
  for (int64_t i = 1; i < kTokens; ++i) {
    if (i == 3) {
      CHECK(std::isnan(logprob[i]) && std::isnan(entropy[i]) && std::isnan(ratio[i]));
      for (int64_t j = 0; j < c.v; ++j)
        if (!std::isnan(grad.at(i, j))) return test::failed(__FILE__, __LINE__, "the gradient of a bad row is not NaN");
      continue;
    }
    const Distribution& d = b.reference[i];
    const double lp = d.log_prob(logits.at(i, b.targets[i]), kTemperature), h = d.entropy(), e = 1e-6;
    CHECK_NEAR(logprob[i], lp, 3e-6, 3e-7);
    CHECK_NEAR(entropy[i], h, 5e-6, 2e-6);
    CHECK_NEAR(ratio[i], std::exp(std::max(lp - b.old[i], -20.0)), 0.0, 1e-5);
    const double weight = 0.5 / (i < 2 ? 1.0 : 4.0);  // two sequences with tokens, of one and four
    loss += weight * term(a, lp, h, b.old[i], b.advantages[i]);
    const double slope = std::isinf(lp) ? 0.0 : (term(a, lp + e, h, b.old[i], b.advantages[i]) - term(a, lp - e, h, b.old[i], b.advantages[i])) / (2 * e);
    check_gradient(b, logits, grad, i, weight * slope, -weight * a.entropy_coef);
  }
  CHECK_NEAR(stats[TPPO_POLICY_LOSS], loss, 2e-6, 1e-5);
  CHECK(stats[TPPO_POLICY_VALID] == 4.0 && stats[TPPO_POLICY_BAD_ROWS] == 1.0 && stats[TPPO_POLICY_NORMALIZER] == 2.0);
  CHECK(logprob[0] == (c.row_list ? test::kUnwritten : 0.0f) && ratio[0] == (c.row_list ? test::kUnwritten : 0.0f));
  check_beside(b, beside, grad);
}

/// nll_loss and token_log_probs, whose log-probs have the same bits wherever the rows lie.
template <typename Type>
void check_likelihood(const Case& c) {
  Batch<Type> b(c, 5), elsewhere({c.v, c.v + 3, 1, false, true, 0.0}, 5);
  Vec<float> logprob[3] = {test::unwritten(kTokens), test::unwritten(kTokens), test::unwritten(kTokens)};
  Vec<float> entropy[3] = {test::unwritten(kTokens), test::unwritten(kTokens), test::unwritten(kTokens)};
  Vec<float> weights = {0.0f, 0.25f, 2.0f, 1.0f, 0.5f, 0.0f};
  Rows<Type> apart(kTokens, c.v, c.stride, c.misalignment), logits(kTokens, c.v, c.stride, c.misalignment);
  logits.memory = b.logits.memory;
  Rows<Type>& grad = c.in_place ? b.logits : apart;
  for (int k = 0; k < 2; ++k) {
    tppo_token_log_probs_args a;
    tppo_token_log_probs_init(&a);
    (k == 0 ? b : elsewhere).fill(a);
    a.logprob = logprob[k].data();
    a.entropy = entropy[k].data();
    CHECK_OK(RUN(token_log_probs, a));
  }
  tppo_nll_loss_args a;
  tppo_nll_loss_init(&a);
  b.fill(a);
  Vec<double> stats(TPPO_NLL_STATS, test::kUnwritten);
  a.weights = weights.data();
  a.grad_stride = c.stride;
  a.grad_logits = grad.row(0);
  a.logprob = logprob[2].data();
  a.entropy = entropy[2].data();
  a.zero_bad_rows = 1;
  a.stats = stats.data();
  CHECK_OK(RUN(nll_loss, a));
  const double norm = 0.25 + 2.0 + 1.0 + 0.5;  // the bad row's weight is part of it
  for (int64_t i = 1; i < kTokens; ++i) {
    if (i < 5) CHECK(memcmp(&logprob[0][i], &logprob[2][i], 4) == 0 && memcmp(&entropy[0][i], &entropy[2][i], 4) == 0);
    CHECK(memcmp(&logprob[0][i], &logprob[1][i], 4) == 0 && memcmp(&entropy[0][i], &entropy[1][i], 4) == 0);
    if (i != 3) {
      if (i < 5) check_gradient(b, logits, grad, i, -weights[i] / norm, 0.0);
      continue;
    }
    CHECK(std::isnan(logprob[0][i]));
    for (int64_t j = 0; j < c.v; ++j)
      if (grad.at(i, j) != 0.0f) return test::failed(__FILE__, __LINE__, "the gradient of a bad row is not 0 with zero_bad_rows");
  }
  CHECK(stats[TPPO_NLL_BAD_ROWS] == 1.0 && stats[TPPO_NLL_VALID] == 3.0 && stats[TPPO_NLL_NORMALIZER] == norm);
}

template <typename Type>
void check_case(const Case& c) {
  check_policy<Type>(c);
  check_likelihood<Type>(c);
}

/// Every way to lie in memory, for rows of v.
template <typename Type>
void check_width(int64_t v) {
  const int64_t in_vector = 16 / static_cast<int64_t>(sizeof(typename Type::Element));
  const int64_t aligned = (v + in_vector - 1) / in_vector * in_vector;
  check_case<Type>({v, aligned, 0, true, false, 0.0});
  check_case<Type>({v, aligned, 0, false, true, 0.02});
  check_case<Type>({v, v + 1, 1, true, true, 0.02});
  check_case<Type>({v, v, static_cast<int>(in_vector) - 1, false, false, 0.0});
}

void check_all_types(int64_t v) {
  check_width<F32>(v);
  check_width<Bf16>(v);
  check_width<F16>(v);
}

}  // namespace

TEST(narrow_rows) {
  test::each_isa([] {
    for (int64_t v : {1, 2, 3, 7, 8, 9, 31, 64, 255, 257}) check_all_types(v);
  });
}

TEST(rows_of_a_few_thousand) {
  test::each_isa([] {
    for (int64_t v : {1000, 2048, 4097, 10001}) check_all_types(v);
  });
}

TEST(rows_of_32000) {
  test::each_isa([] { check_all_types(32000); });
}
TEST(rows_of_50257) {
  test::each_isa([] { check_all_types(50257); });
}

// The widest: one dtype for each way to lie in memory.
TEST(rows_of_128256) {
  check_case<Bf16>({128256, 128256, 0, true, false, 0.0});
  check_policy<F32>({128256, 128256, 0, true, true, 0.01});
  check_policy<F16>({128256, 128259, 3, false, false, 0.01});
}
TEST(rows_of_151936) {
  check_case<F16>({151936, 151936, 0, false, true, 0.0});
  check_policy<Bf16>({151936, 151936, 0, true, false, 0.0});
  check_policy<F32>({151936, 151937, 1, true, true, 0.01});
}
TEST(rows_of_262144) {
  check_case<F32>({262144, 262144, 0, true, true, 0.0});
  check_policy<F32>({262144, 262145, 1, false, true, 0.01});
  check_policy<Bf16>({262144, 262145, 7, true, false, 0.01});
}

// On a device rows of a cluster of eight blocks, and rows that fit no cluster.
TEST(rows_beyond_any_vocabulary) {
  check_policy<F32>({400000, 400000, 0, true, false, 0.01});
  check_policy<F32>({750000, 750001, 1, true, true, 0.0});
  check_policy<Bf16>({1500000, 1500000, 0, true, false, 0.01});
}

TEST(no_row_and_no_token) {
  Batch<F32> b({40, 40, 0, false, true, 0.0}, 3);
  Vec<float> logprob = test::unwritten(kTokens);
  Vec<double> stats(TPPO_TOKEN_LOG_PROBS_STATS, test::kUnwritten);
  tppo_token_log_probs_args a;
  tppo_token_log_probs_init(&a);
  b.fill(a);
  a.num_rows = 0;
  a.logprob = logprob.data();
  a.stats = stats.data();
  CHECK_OK(RUN(token_log_probs, a));
  for (double s : stats) CHECK(s == 0.0);
  for (float x : logprob) CHECK(x == test::kUnwritten);
  stats.assign(TPPO_TOKEN_LOG_PROBS_STATS, test::kUnwritten);
  a.num_tokens = 0;
  CHECK_OK(RUN(token_log_probs, a));
  for (double s : stats) CHECK(s == 0.0);
}

TEST(rows_and_targets_out_of_range_are_not_followed_on_a_device) {
  if (!test::kOnDevice) return;  // the CPU refuses them: argument_limits_test
  Batch<Bf16> b({1000, 1000, 0, false, true, 0.0}, 3);
  b.rows = {-4, 1, 2, 4, 1 << 30};
  b.targets[1] = 1000;
  b.targets[4] = -1;
  Rows<Bf16> grad(kTokens, 1000, 1000, 0);
  Vec<float> logprob = test::unwritten(kTokens);
  Vec<double> stats(TPPO_NLL_STATS, test::kUnwritten);
  tppo_nll_loss_args a;
  tppo_nll_loss_init(&a);
  b.fill(a);
  a.normalizer = 1.0;
  a.logprob = logprob.data();
  a.grad_logits = grad.row(0);
  a.stats = stats.data();
  CHECK_OK(RUN(nll_loss, a));
  CHECK(stats[TPPO_NLL_BAD_ROWS] == 4.0 && stats[TPPO_NLL_VALID] == 1.0);
  CHECK(std::isnan(logprob[1]) && std::isnan(logprob[4]) && std::isfinite(logprob[2]) && logprob[3] == test::kUnwritten);
}
