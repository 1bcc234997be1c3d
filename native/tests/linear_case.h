// SPDX-License-Identifier: Apache-2.0
// A call of tppo_linear_nll_loss, which makes all three matrix products of an output layer, and what it should give.
//
// Inputs are small multiples of a power of two, so that every logit is exact in every type and the losses must agree closely; the gradients
// are held against float64 sums of the gradient of the logits as the type can hold it.
#pragma once

#include "test.h"

namespace test {

inline constexpr int32_t kTypes[] = {TPPO_F32, TPPO_BF16, TPPO_F16};
/// Half a unit in the last place, relative.
inline constexpr double kRounding[] = {0x1p-24, 0x1p-8, 0x1p-11};

/// A matrix of any element type that begins `offset` elements into its memory.
class Matrix {
 public:
  Matrix(int32_t dtype, int64_t rows, int64_t columns, int64_t stride, int64_t offset)
      : dtype_(dtype), stride_(stride), offset_(offset), element_(dtype == TPPO_F32 ? 4 : 2),
        bytes_(static_cast<size_t>((offset + (rows - 1) * stride + columns) * element_)) {
    for (int64_t i = 0; i * element_ < static_cast<int64_t>(bytes_.size()); ++i) put(i, kUnwritten);
  }
  void set(int64_t row, int64_t column, float x) { put(offset_ + row * stride_ + column, x); }
  float get(int64_t row, int64_t column) const {
    const unsigned char* const p = bytes_.data() + (offset_ + row * stride_ + column) * element_;
    float f = 0.0f;
    uint16_t h = 0;
    memcpy(dtype_ == TPPO_F32 ? static_cast<void*>(&f) : &h, p, static_cast<size_t>(element_));
    return dtype_ == TPPO_F32 ? f : dtype_ == TPPO_BF16 ? from_bf16(h) : from_f16(h);
  }
  void* data() { return bytes_.data() + offset_ * element_; }
  const Vec<unsigned char>& bytes() const { return bytes_; }
  /// What kUnwritten is in this type.
  float unwritten() const { return dtype_ == TPPO_F32 ? kUnwritten : dtype_ == TPPO_BF16 ? from_bf16(to_bf16(kUnwritten)) : from_f16(to_f16(kUnwritten)); }

 private:
  void put(int64_t i, float x) {
    const uint16_t h = dtype_ == TPPO_BF16 ? to_bf16(x) : to_f16(x);
    memcpy(bytes_.data() + i * element_, dtype_ == TPPO_F32 ? static_cast<const void*>(&x) : &h, static_cast<size_t>(element_));
  }
  int32_t dtype_;
  int64_t stride_, offset_, element_;
  Vec<unsigned char> bytes_;
};

struct Shape {
  int64_t tokens, vocab, width;
  int64_t stride_gap, hidden_offset, weight_offset, chunk;
};

struct Case {
  int32_t dtype;
  Shape s;
  Matrix hidden, weight, grad_hidden, grad_weight;
  Vec<int64_t> targets;
  Vec<float> weights, logprob;
  Vec<uint8_t> mask;
  Vec<double> stats;

  Case(int32_t type, const Shape& shape, uint64_t seed)
      : dtype(type), s(shape), hidden(type, s.tokens, s.width, s.width + s.stride_gap, s.hidden_offset),
        weight(type, s.vocab, s.width, s.width, s.weight_offset),
        grad_hidden(type, s.tokens, s.width, s.width + s.stride_gap, s.hidden_offset),
        grad_weight(TPPO_F32, s.vocab, s.width, s.width, s.weight_offset), logprob(unwritten(s.tokens)), stats(TPPO_NLL_STATS) {
    Random random(seed);
    mask = random.mask(s.tokens, 0.8);
    for (int64_t i = 0; i < s.tokens; ++i) {
      targets.push_back(random.below(s.vocab));
      weights.push_back(random.below(6) == 0 ? 0.0f : static_cast<float>(random.normal()));
      for (int64_t h = 0; h < s.width; ++h) hidden.set(i, h, counts(i) ? quarter(random) : kNaN);
    }
    for (int64_t v = 0; v < s.vocab; ++v)
      for (int64_t h = 0; h < s.width; ++h) {
        weight.set(v, h, quarter(random));
        grad_weight.set(v, h, quarter(random));
      }
  }

  static float quarter(Random& random) { return 0.25f * static_cast<float>(random.below(5) - 2); }
  bool counts(int64_t i) const { return mask[static_cast<size_t>(i)] != 0 && weights[static_cast<size_t>(i)] != 0.0f; }

  void run() {
    tppo_nll_loss_args a;
    tppo_nll_loss_init(&a);
    a.num_tokens = s.tokens;
    a.vocab_size = s.vocab;
    a.dtype = dtype;
    a.normalizer = 1.0;
    a.targets = targets.data();
    a.weights = weights.data();
    a.mask = mask.data();
    a.logprob = logprob.data();
    a.stats = stats.data();
    tppo_linear_args l;
    tppo_linear_init(&l);
    l.hidden_size = s.width;
    l.hidden_stride = s.width + s.stride_gap;
    l.chunk_tokens = s.chunk;
    l.hidden = hidden.data();
    l.weight = weight.data();
    l.grad_hidden = grad_hidden.data();
    l.grad_weight = static_cast<float*>(grad_weight.data());
    uint64_t bytes = 0;
    CHECK_OK(tppo_linear_nll_loss_workspace(&l, &a, kDevice, &bytes));
    Vec<unsigned char> workspace(bytes + 1, 0xff);
    CHECK_OK(finished(tppo_linear_nll_loss(&l, &a, kDevice, nullptr, workspace.data() + 1, bytes)));
  }
};

/// What the call should give, from the inputs of `c` as they were before it.
struct Expected {
  std::vector<double> logprob, grad_hidden, grad_weight;
  std::vector<double> hidden_size, weight_size;  // sums of magnitudes, which rounding is relative to
  double loss = 0.0;

  explicit Expected(const Case& c) : logprob(c.s.tokens), grad_hidden(c.s.tokens * c.s.width), grad_weight(c.s.vocab * c.s.width),
                                     hidden_size(grad_hidden.size()), weight_size(grad_weight.size()) {
    const Shape& s = c.s;
    std::vector<double> x(s.width), w(s.vocab * s.width), z(s.vocab);
    for (int64_t v = 0; v < s.vocab; ++v)
      for (int64_t h = 0; h < s.width; ++h) {
        w[v * s.width + h] = c.weight.get(v, h);
        grad_weight[v * s.width + h] = c.grad_weight.get(v, h);
        weight_size[v * s.width + h] = std::fabs(grad_weight[v * s.width + h]);
      }
    for (int64_t i = 0; i < s.tokens; ++i) {
      if (!c.counts(i)) continue;
      const double weight = c.weights[static_cast<size_t>(i)];
      double largest = -INFINITY, sum = 0.0;
      for (int64_t h = 0; h < s.width; ++h) x[h] = c.hidden.get(i, h);
      for (int64_t v = 0; v < s.vocab; ++v) {
        z[v] = 0.0;
        for (int64_t h = 0; h < s.width; ++h) z[v] += x[h] * w[v * s.width + h];
        CHECK(std::fabs(z[v]) <= 16.0);  // multiples of 1/16: exact in bfloat16
        largest = std::max(largest, z[v]);
      }
      for (double logit : z) sum += std::exp(logit - largest);
      const int64_t target = c.targets[static_cast<size_t>(i)];
      logprob[i] = z[target] - largest - std::log(sum);
      loss -= weight * logprob[i];
      for (int64_t v = 0; v < s.vocab; ++v) {
        const double p = std::exp(z[v] - largest) / sum, g = weight * (v == target ? std::expm1(logprob[i]) : p);
        for (int64_t h = 0; h < s.width; ++h) {
          grad_hidden[i * s.width + h] += g * w[v * s.width + h];
          hidden_size[i * s.width + h] += std::fabs(g * w[v * s.width + h]);
          grad_weight[v * s.width + h] += g * x[h];
          weight_size[v * s.width + h] += std::fabs(g * x[h]);
        }
      }
    }
  }
};

inline void check_case(int32_t dtype, const Shape& s) {
  Case c(dtype, s, static_cast<uint64_t>(s.tokens * 1000003 + s.vocab * 1009 + s.width));
  const Expected e(c);
  c.run();
  const double rounding = 1.01 * kRounding[dtype] + 4e-6, tiny = dtype == TPPO_F16 ? 0x1p-24 * static_cast<double>(s.vocab) : 1e-12;
  CHECK_NEAR(c.stats[TPPO_NLL_LOSS], e.loss, 1e-4, 1e-5);
  for (int64_t i = 0; i < s.tokens; ++i) {
    CHECK_NEAR(c.logprob[static_cast<size_t>(i)], e.logprob[i], 4e-6, 2e-6);
    for (int64_t h = 0; h < s.width; ++h) {
      const double size = e.hidden_size[i * s.width + h];
      CHECK_NEAR(c.grad_hidden.get(i, h), e.grad_hidden[i * s.width + h], c.counts(i) ? rounding * size + tiny : 0.0, kRounding[dtype]);
    }
    for (int64_t gap = 0; gap < s.stride_gap && i + 1 < s.tokens; ++gap) CHECK(c.grad_hidden.get(i, s.width + gap) == c.grad_hidden.unwritten());
  }
  for (int64_t v = 0; v < s.vocab; ++v)
    for (int64_t h = 0; h < s.width; ++h) {
      const double size = e.weight_size[v * s.width + h];
      CHECK_NEAR(c.grad_weight.get(v, h), e.grad_weight[v * s.width + h], rounding * size + tiny, 0.0);
    }
}

}  // namespace test
