// SPDX-License-Identifier: Apache-2.0
// Rows of logits whose gradient rows lie otherwise in memory: every pair of alignments, other strides, and widths that a block and a
// cluster cannot hold, against the definitions in double. And that a row list gives what a mask gives. (rows_test.cpp has the widths.)
#include <algorithm>

#include "test.h"

namespace {

using test::Vec;

int64_t bytes_of(int32_t dtype) { return dtype == TPPO_F32 ? 4 : 2; }

/// An array of one of the three dtypes that begins `offset` elements past a 16-byte boundary.
struct Elements {
  int32_t dtype;
  Vec<unsigned char> bytes;
  unsigned char* base;

  Elements(int32_t dtype_, int64_t count, int64_t offset) : dtype(dtype_), bytes(static_cast<size_t>(count * 4 + 64), 0xa5) {
    const uintptr_t p = reinterpret_cast<uintptr_t>(bytes.data()) + 15;
    base = bytes.data() + (p / 16 * 16 - reinterpret_cast<uintptr_t>(bytes.data())) + offset * bytes_of(dtype);
  }
  void set(int64_t i, double x) {
    const float f = static_cast<float>(x);
    const uint16_t h = dtype == TPPO_BF16 ? test::to_bf16(f) : test::to_f16(f);
    memcpy(base + i * bytes_of(dtype), dtype == TPPO_F32 ? static_cast<const void*>(&f) : &h, static_cast<size_t>(bytes_of(dtype)));
  }
  double get(int64_t i) const {
    float f;
    uint16_t h;
    memcpy(&f, base + i * bytes_of(dtype), 4);
    memcpy(&h, base + i * bytes_of(dtype), 2);
    return dtype == TPPO_F32 ? f : dtype == TPPO_BF16 ? test::from_bf16(h) : test::from_f16(h);
  }
  bool untouched(int64_t i) const {
    for (int64_t k = 0; k < bytes_of(dtype); ++k)
      if (base[i * bytes_of(dtype) + k] != 0xa5) return false;
    return true;
  }
};

/// Four tokens: a plain row, a masked one full of NaN, one with holes of -inf, a plain one.
constexpr int64_t kTokens = 4;

struct Shape {
  int32_t dtype;
  int64_t v, pad, offset, grad_pad, grad_offset;
  bool in_place;
};

/// The logits: multiples of 1/32 up to 8, which all dtypes hold.
double logit(int64_t i, int64_t j) {
  uint64_t h = static_cast<uint64_t>(i * 1000003 + j) * 0x9e3779b97f4a7c15u;
  h ^= h >> 29;
  h *= 0xbf58476d1ce4e5b9u;
  h ^= h >> 32;
  if (i == 1) return NAN;
  if (i == 2 && h % 5 == 0 && j > 0) return -INFINITY;
  return static_cast<double>(static_cast<int64_t>(h % 511) - 255) / 32.0;
}

struct Row {
  double lse = 0.0, entropy = 0.0;
};

/// Log of the sum of exp(z / temperature) and the entropy.
Row reference(int64_t i, int64_t v, double temperature) {
  double m = -INFINITY, s = 0.0, t = 0.0;
  for (int64_t j = 0; j < v; ++j) m = std::max(m, logit(i, j) / temperature);
  for (int64_t j = 0; j < v; ++j) {
    const double d = logit(i, j) / temperature - m;
    if (!(d > -700.0)) continue;
    s += std::exp(d);
    t += std::exp(d) * d;
  }
  return Row{m + std::log(s), std::log(s) - t / s};
}

struct Result {
  Vec<float> logprob, entropy;
};

constexpr double kTemperature = 0.75;

/// Runs policy_loss on a shape and checks every output.
Result check_shape(const Shape& s, double entropy_coef, const Row (&rows)[kTokens]) {
  const int64_t stride = s.v + s.pad, grad_stride = s.in_place ? stride : s.v + s.grad_pad;
  Elements logits(s.dtype, kTokens * stride, s.offset);
  Elements separate(s.dtype, s.in_place ? 0 : kTokens * grad_stride, s.grad_offset);
  for (int64_t i = 0; i < kTokens; ++i)
    for (int64_t j = 0; j < s.v; ++j) logits.set(i * stride + j, logit(i, j));
  Vec<int64_t> targets = {s.v - 1, 0, 0, s.v / 2};
  Vec<float> advantages = {1.5f, 1.0f, -0.5f, 0.25f}, old(kTokens);
  Vec<uint8_t> mask = {1, 0, 1, 1};
  double logprob[kTokens] = {};
  for (int64_t i = 0; i < kTokens; ++i) {
    if (mask[i]) logprob[i] = logit(i, targets[i]) / kTemperature - rows[i].lse;
    old[i] = static_cast<float>(logprob[i] + 0.05 * static_cast<double>(i - 2));
  }
  Result r{test::unwritten(kTokens), test::unwritten(kTokens)};
  tppo_policy_loss_args a;
  tppo_policy_loss_init(&a);
  a.num_tokens = kTokens;
  a.vocab_size = s.v;
  a.logits_stride = stride;
  a.grad_stride = grad_stride;
  a.dtype = s.dtype;
  a.temperature = kTemperature;
  a.entropy_coef = entropy_coef;
  a.logits = logits.base;
  a.targets = targets.data();
  a.old_logprobs = old.data();
  a.advantages = advantages.data();
  a.mask = mask.data();
  a.logprob = r.logprob.data();
  a.entropy = r.entropy.data();
  a.grad_logits = s.in_place ? logits.base : separate.base;
  CHECK_OK(RUN(policy_loss, a));

  const Elements& grad = s.in_place ? logits : separate;
  const double unit = s.dtype == TPPO_F32 ? 4e-6 : s.dtype == TPPO_BF16 ? 0x1p-8 : 0x1p-11;  // relative rounding of what is stored
  int64_t wrong = 0;
  for (int64_t i = 0; i < kTokens; ++i) {
    for (int64_t j = s.v; j < grad_stride && i + 1 < kTokens; ++j) wrong += !grad.untouched(i * grad_stride + j);
    if (!mask[i]) {
      CHECK(r.logprob[i] == 0.0f && r.entropy[i] == 0.0f);
      for (int64_t j = 0; j < s.v; ++j) wrong += grad.get(i * grad_stride + j) != 0.0;
      continue;
    }
    CHECK_NEAR(r.logprob[i], logprob[i], 4e-6, 0.0);
    CHECK_NEAR(r.entropy[i], rows[i].entropy, 4e-6, 0.0);
    const double w = 1.0 / 3.0 / kTemperature;
    const double g = -advantages[i] * std::exp(logprob[i] - old[i]);
    for (int64_t j = 0; j < s.v; ++j) {
      const double lp = logit(i, j) / kTemperature - rows[i].lse, p = std::exp(lp);
      const double entropy_slope = p > 0.0 ? p * (lp + rows[i].entropy) : 0.0;
      const double entropy_size = p > 0.0 ? p * (std::fabs(lp) + rows[i].entropy) : 0.0;
      const double expected = w * (g * ((j == targets[i] ? 1.0 : 0.0) - p) + entropy_coef * entropy_slope);
      const double size = w * (std::fabs(g) * p + entropy_coef * entropy_size);
      const double tolerance = unit * std::fabs(expected) + 1e-5 * size + (s.dtype == TPPO_F16 ? 0x1p-24 : 1e-12);
      wrong += !(std::fabs(grad.get(i * grad_stride + j) - expected) <= tolerance);
    }
  }
  if (wrong > 0)
    test::failed(__FILE__, __LINE__,
                 std::to_string(wrong) + " wrong elements: dtype " + std::to_string(s.dtype) + " v " + std::to_string(s.v) + " pad " +
                     std::to_string(s.pad) + " offset " + std::to_string(s.offset) + " grad_pad " + std::to_string(s.grad_pad) +
                     " grad_offset " + std::to_string(s.grad_offset) + (s.in_place ? " in place" : ""));
  return r;
}

/// Alignments of one length; log-probs and entropies must have the same bits in all of them. `every`: all pairs, else one that differs.
void check_length(int32_t dtype, int64_t v, bool every) {
  Row rows[kTokens];
  for (int64_t i = 0; i < kTokens; ++i)
    if (i != 1) rows[i] = reference(i, v, kTemperature);
  const int64_t count = 16 / bytes_of(dtype);
  const int64_t whole = (count - v % count) % count;
  const Result first = check_shape(Shape{dtype, v, whole, 0, whole, 0, false}, 0.0, rows);
  std::vector<Shape> shapes;
  if (every)
    for (int64_t offset = 0; offset < count; ++offset)
      for (int64_t grad_offset = 0; grad_offset < count; ++grad_offset) shapes.push_back({dtype, v, whole, offset, whole, grad_offset, false});
  shapes.push_back({dtype, v, 3, 1, 5, 2, false});
  bool entropy = true;
  for (const Shape& s : shapes) {
    const Result r = check_shape(s, entropy ? 0.02 : 0.0, rows);
    CHECK(test::same_bits(r.logprob, first.logprob) && test::same_bits(r.entropy, first.entropy));
    entropy = !entropy;
  }
}

}  // namespace

TEST(every_pair_of_alignments) {
  for (int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16})
    for (int64_t v : {1, 7, 8, 65, 256, 600}) check_length(dtype, v, true);
}

TEST(rows_of_clusters_and_beyond_them) {
  for (int64_t v : {20481, 40968, 81925}) check_length(TPPO_BF16, v, false);
  check_length(TPPO_F16, 163841, false);
  check_length(TPPO_F32, 20484, false);
  check_length(TPPO_BF16, 524293, false);
  // Beyond a block of capability 8.0, a block of 9.0, and a cluster.
  check_length(TPPO_F32, 131075, false);
  check_length(TPPO_F16, 180229, false);
  check_length(TPPO_BF16, 1500003, false);
  check_length(TPPO_F32, 750003, false);
}

/// A row list must give what a mask gives, for every aggregation.
TEST(row_list_equals_mask) {
  constexpr int64_t kN = 24, kV = 50;
  test::Random random(5);
  const Vec<float> logits = random.normals(kN * kV, 2.0), advantages = random.normals(kN), old = [&] {
    Vec<float> v(kN);
    for (float& x : v) x = static_cast<float>(-4.0 + 0.3 * random.normal());
    return v;
  }();
  const Vec<uint8_t> mask = random.mask(kN, 0.5);
  const Vec<int64_t> targets(kN, 3);
  Vec<int32_t> rows;
  for (int64_t i = 0; i < kN; ++i)
    if (mask[i]) rows.push_back(static_cast<int32_t>(i));
  const Vec<int32_t> cu = {0, 1, 7, 7, 20, kN};
  for (int32_t aggregation : {TPPO_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_SUM}) {
    Vec<float> grad[2] = {test::unwritten(kN * kV), test::unwritten(kN * kV)};
    Vec<double> stats[2] = {Vec<double>(TPPO_POLICY_STATS), Vec<double>(TPPO_POLICY_STATS)};
    for (int listed = 0; listed < 2; ++listed) {
      tppo_policy_loss_args a;
      tppo_policy_loss_init(&a);
      a.num_tokens = kN;
      a.vocab_size = kV;
      a.num_sequences = 5;
      a.cu_seqlens = cu.data();
      a.aggregation = aggregation;
      a.logits = logits.data();
      a.targets = targets.data();
      a.old_logprobs = old.data();
      a.advantages = advantages.data();
      if (listed == 0) {
        a.mask = mask.data();
      } else {
        a.rows = rows.data();
        a.num_rows = static_cast<int64_t>(rows.size());
      }
      a.grad_logits = grad[listed].data();
      a.stats = stats[listed].data();
      CHECK_OK(RUN(policy_loss, a));
    }
    for (int k = 0; k < TPPO_POLICY_STATS; ++k) CHECK_NEAR(stats[1][k], stats[0][k], 1e-12, 1e-12);
    for (int64_t i = 0; i < kN; ++i)
      for (int64_t j = 0; j < kV; ++j) CHECK(grad[1][i * kV + j] == (mask[i] ? grad[0][i * kV + j] : test::kUnwritten));
  }
}
