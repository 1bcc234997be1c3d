// SPDX-License-Identifier: Apache-2.0
// A batch for the tests of the losses behind an output layer, and what they should give, in double and as the formulas are printed.
#pragma once

#include "policy_batch.h"

namespace test {

template <typename T>
using Array = Vec<T>;

/// Numbers of F32, BF16 or F16.
class Numbers {
 public:
  Numbers(int32_t dtype, int64_t count) : dtype_(dtype), bits_(static_cast<size_t>(count * (dtype == TPPO_F32 ? 2 : 1))) {}

  double get(int64_t k) const {
    if (dtype_ == TPPO_BF16) return from_bf16(bits_[k]);
    if (dtype_ == TPPO_F16) return from_f16(bits_[k]);
    float f;
    memcpy(&f, &bits_[2 * k], 4);
    return f;
  }
  /// The nearest number of the type.
  void set(int64_t k, float x) {
    if (dtype_ == TPPO_BF16)
      bits_[k] = to_bf16(x);
    else if (dtype_ == TPPO_F16)
      bits_[k] = to_f16(x);
    else
      memcpy(&bits_[2 * k], &x, 4);
  }
  void* data() { return bits_.data(); }
  const void* data() const { return bits_.data(); }
  const Array<uint16_t>& bits() const { return bits_; }

 private:
  int32_t dtype_;
  Array<uint16_t> bits_;
};

struct LinearShape {
  int64_t tokens, hidden, vocab, padding, chunk;
};

struct LinearBatch {
  LinearShape s;
  int32_t dtype;
  PolicyBatch b;  // all but the logits
  Array<float> token_weights;
  Numbers hidden, weight;
  Array<float> grad_before;

  LinearBatch(const LinearShape& shape, int32_t type, uint64_t seed)
      : s(shape), dtype(type), b(1, shape.tokens, shape.vocab, seed), hidden(type, shape.tokens * stride()), weight(type, shape.vocab * shape.hidden) {
    Random r(seed + 1);
    const double scale = 2.0 / std::sqrt(static_cast<double>(s.hidden));
    for (int64_t k = 0; k < s.tokens * stride(); ++k) hidden.set(k, k % stride() < s.hidden ? static_cast<float>(scale * r.normal()) : kNaN);
    for (int64_t k = 0; k < s.vocab * s.hidden; ++k) weight.set(k, static_cast<float>(r.normal()));
    grad_before = r.normals(s.vocab * s.hidden, 0.1);
    for (int64_t i = 0; i < s.tokens; ++i) token_weights.push_back(i % 5 == 2 ? 0.0f : static_cast<float>(0.5 + r.uniform()));
    anchor(seed);
  }

  int64_t stride() const { return s.hidden + s.padding; }
  bool counts(int64_t i, bool by_weight) const { return b.mask[i] != 0 && !(by_weight && token_weights[i] == 0.0f); }

  /// Old and reference log-probs near those of the batch, so that ratios are near 1.
  void anchor(uint64_t seed) {
    Random r(seed + 2);
    for (int64_t i = 0; i < s.tokens; ++i) {
      if (b.mask[i] == 0) continue;
      const Row row = row_of(i);
      b.old[i] = static_cast<float>(row.logprob[b.targets[i]] + 0.4 * r.normal());
      b.ref[i] = static_cast<float>(row.logprob[b.targets[i]] + 0.4 * r.normal());
    }
  }

  struct Row {
    std::vector<double> logprob;
    double entropy;
  };
  Row row_of(int64_t i) const {
    std::vector<double> z(s.vocab, 0.0);
    double max = -INFINITY, sum = 0.0, entropy = 0.0;
    for (int64_t j = 0; j < s.vocab; ++j) {
      for (int64_t h = 0; h < s.hidden; ++h) z[j] += hidden.get(i * stride() + h) * weight.get(j * s.hidden + h);
      z[j] /= b.options.temperature;
      max = std::max(max, z[j]);
    }
    for (double x : z) sum += std::exp(x - max);
    for (double& x : z) {
      x -= max + std::log(sum);
      entropy -= std::exp(x) * x;
    }
    return Row{z, entropy};
  }

  struct Result {
    Array<float> logprob, entropy, grad_weight;
    Numbers grad_hidden;
    Array<double> stats;

    Array<float> bits() const {
      Array<float> all;
      append(all, logprob);
      append(all, entropy);
      append(all, grad_weight);
      append(all, grad_hidden.bits());
      append(all, stats);
      return all;
    }
  };
  Result result(int stats) const {
    Result r{unwritten(s.tokens), unwritten(s.tokens), grad_before, Numbers(dtype, s.tokens * stride()), Array<double>(static_cast<size_t>(stats), kUnwritten)};
    for (int64_t k = 0; k < s.tokens * stride(); ++k) r.grad_hidden.set(k, kUnwritten);
    return r;
  }
  tppo_linear_args linear(Result& r, bool gradients = true) const {
    tppo_linear_args a;
    tppo_linear_init(&a);
    a.hidden_size = s.hidden;
    a.hidden_stride = s.padding == 0 ? 0 : stride();
    a.chunk_tokens = s.chunk;
    a.hidden = hidden.data();
    a.weight = weight.data();
    a.grad_hidden = gradients ? r.grad_hidden.data() : nullptr;
    a.grad_weight = gradients ? r.grad_weight.data() : nullptr;
    return a;
  }
  /// What the structs of the three operations share.
  template <typename Args>
  void fill(Args& a, Result& r) const {
    a.num_tokens = s.tokens;
    a.vocab_size = s.vocab;
    a.dtype = dtype;
    a.temperature = b.options.temperature;
    a.targets = b.targets.data();
    a.mask = b.mask.data();
    a.logprob = r.logprob.data();
    a.entropy = r.entropy.data();
    a.stats = r.stats.data();
  }
  tppo_policy_loss_args policy(Result& r) const {
    tppo_policy_loss_args a = b.options;
    fill(a, r);
    a.old_logprobs = b.old.data();
    a.advantages = b.advantages.data();
    a.ref_logprobs = b.ref.data();
    return a;
  }
  tppo_nll_loss_args nll(Result& r) const {
    tppo_nll_loss_args a;
    tppo_nll_loss_init(&a);
    fill(a, r);
    a.weights = token_weights.data();
    a.normalizer = b.options.normalizer;
    return a;
  }
  tppo_token_log_probs_args log_probs(Result& r) const {
    tppo_token_log_probs_args a;
    tppo_token_log_probs_init(&a);
    fill(a, r);
    return a;
  }
  Result run_policy() const {
    Result r = result(TPPO_POLICY_STATS);
    const tppo_policy_loss_args a = policy(r);
    CHECK_OK(RUN_LINEAR(policy_loss, linear(r), a));
    return r;
  }
  Result run_nll() const {
    Result r = result(TPPO_NLL_STATS);
    const tppo_nll_loss_args a = nll(r);
    CHECK_OK(RUN_LINEAR(nll_loss, linear(r), a));
    return r;
  }
  Result run_log_probs() const {
    Result r = result(TPPO_TOKEN_LOG_PROBS_STATS);
    const tppo_token_log_probs_args a = log_probs(r);
    CHECK_OK(RUN_LINEAR(token_log_probs, linear(r, false), a));
    return r;
  }
};

}  // namespace test
