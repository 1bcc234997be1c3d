// SPDX-License-Identifier: Apache-2.0
// Arguments of the operations on logits: token_log_probs, policy_loss, nll_loss, with given logits or behind an output layer.
#include "args.h"
#include "check.h"

namespace tppo {
namespace {

/// Far beyond any vocabulary, and small enough that no size computed from it overflows.
constexpr int64_t kWidestRow = INT64_C(1) << 40;

/// What the three operations have in common. `linear` is NULL where the logits are given.
template <typename Args>
struct Logits {
  Check& c;
  Args& a;
  tppo_linear_args* linear;
  int64_t element;

  Logits(Check& check, Args& args, tppo_linear_args* output_layer)
      : c(check), a(args), linear(output_layer), element(element_bytes(args.dtype)) {
    c.dtype(a.dtype);
    c.count("num_tokens", a.num_tokens);
    c.at_least("vocab_size", a.vocab_size, 1);
    c.real("temperature", a.temperature, 1e-30, 1e30);
    if (a.vocab_size > kWidestRow) c.fail("vocab_size of logits is %lld, more than 2^40", static_cast<long long>(a.vocab_size));
    if (linear != nullptr) {
      linear_shapes();
      return;
    }
    stride("logits_stride", a.logits_stride);
    c.count("num_rows", a.num_rows);
    if (a.num_rows > a.num_tokens)
      c.fail("num_rows is %lld, more than num_tokens %lld", static_cast<long long>(a.num_rows), static_cast<long long>(a.num_tokens));
  }

  void stride(const char* name, int64_t& value) {
    if (linear != nullptr) {
      if (value != 0) c.fail("%s is %lld, expected 0: the logits are not given", name, static_cast<long long>(value));
      return;
    }
    if (value == 0) value = a.vocab_size;
    if (value < a.vocab_size)
      c.fail("%s is %lld, expected 0 or at least vocab_size %lld", name, static_cast<long long>(value), static_cast<long long>(a.vocab_size));
  }

  void inputs() {
    if (linear != nullptr)
      linear_arrays();
    else
      c.input("logits", a.logits, c.rows("logits", a.num_tokens, a.vocab_size, a.logits_stride, element), element, true);
    c.input("targets", a.targets, a.num_tokens * 8, 8, true);
    c.input("mask", a.mask, a.num_tokens, 1, false);
    row_list();
  }

  void gradient(int64_t grad_stride, void* grad_logits) {
    if (linear != nullptr) {
      if (c.pointers() && grad_logits != nullptr) c.fail("grad_logits is given; behind an output layer the gradients are grad_hidden and grad_weight");
      return;
    }
    c.output("grad_logits", grad_logits, c.rows("grad_logits", a.num_tokens, a.vocab_size, grad_stride, element), element);
    if (grad_stride == a.logits_stride) c.may_be_same("grad_logits", "logits");
  }

  void outputs(int64_t stats) {
    c.output("logprob", a.logprob, a.num_tokens * 4, 4);
    c.output("entropy", a.entropy, a.num_tokens * 4, 4);
    c.output("stats", a.stats, stats * 8, 8);
  }

  /// Targets of valid tokens; tokens of weight 0 are as masked.
  void target_contents(const float* weights) {
    if (!c.contents()) return;
    const int64_t count = a.rows != nullptr ? a.num_rows : a.num_tokens;
    for (int64_t k = 0; k < count; ++k) {
      const int64_t i = a.rows != nullptr ? a.rows[k] : k;
      if (a.mask != nullptr && a.mask[i] == 0) continue;
      if (weights != nullptr && weights[i] == 0.0f) continue;
      if (a.targets[i] < 0 || a.targets[i] >= a.vocab_size)
        return c.fail("targets[%lld] is %lld, expected 0 to %lld (vocab_size - 1)", static_cast<long long>(i),
                      static_cast<long long>(a.targets[i]), static_cast<long long>(a.vocab_size - 1));
    }
  }

 private:
  void row_list() {
    if (!c.pointers()) return;
    if (a.rows == nullptr) {
      if (a.num_rows != 0) c.fail("num_rows is %lld but rows is NULL", static_cast<long long>(a.num_rows));
      return;
    }
    if (linear != nullptr) return c.fail("rows is given; behind an output layer pass only the hidden states of tokens that count, or a mask");
    if (a.mask != nullptr) return c.fail("mask and rows are both given");
    c.input("rows", a.rows, a.num_rows * 4, 4, true);
    if (!c.contents()) return;
    for (int64_t k = 0; k < a.num_rows; ++k) {
      const int64_t previous = k > 0 ? a.rows[k - 1] : -1;
      if (a.rows[k] <= previous || a.rows[k] >= a.num_tokens)
        return c.fail("rows[%lld] is %d, expected more than %lld and less than num_tokens %lld", static_cast<long long>(k), a.rows[k],
                      static_cast<long long>(previous), static_cast<long long>(a.num_tokens));
    }
  }

  void linear_shapes() {
    c.count("hidden_size", linear->hidden_size, 1);
    c.count("chunk_tokens", linear->chunk_tokens);
    if (linear->hidden_stride == 0) linear->hidden_stride = linear->hidden_size;
    if (linear->hidden_stride < linear->hidden_size)
      c.fail("hidden_stride is %lld, expected 0 or at least hidden_size %lld", static_cast<long long>(linear->hidden_stride),
             static_cast<long long>(linear->hidden_size));
    stride("logits_stride", a.logits_stride);
    chunk_size();
    if (c.ok() && a.num_rows != 0) c.fail("num_rows is %lld, expected 0 behind an output layer", static_cast<long long>(a.num_rows));
  }

  /// What the workspace holds of a chunk, with room for padding, in bytes that fit an int64. Without chunk_tokens a backend takes at most N.
  void chunk_size() {
    if (!c.ok()) return;
    const int64_t chunk = linear->chunk_tokens == 0 || linear->chunk_tokens > a.num_tokens ? a.num_tokens : linear->chunk_tokens;
    int64_t floats;
    if (!__builtin_mul_overflow(chunk + 256, a.vocab_size + 2 * linear->hidden_size + 256, &floats) && floats < (INT64_C(1) << 60)) return;
    c.fail("%s is %lld: logits and hidden states of so many tokens (vocab_size %lld, hidden_size %lld) exceed 2^62 bytes",
           linear->chunk_tokens == 0 ? "num_tokens" : "chunk_tokens", static_cast<long long>(chunk), static_cast<long long>(a.vocab_size),
           static_cast<long long>(linear->hidden_size));
  }

  void linear_arrays() {
    if (c.pointers() && a.logits != nullptr) c.fail("logits are given; behind an output layer they are computed");
    const int64_t hidden = c.rows("hidden", a.num_tokens, linear->hidden_size, linear->hidden_stride, element);
    const int64_t matrix = c.rows("weight", a.vocab_size, linear->hidden_size, linear->hidden_size, 4);
    if (!c.ok()) return;
    c.input("hidden", linear->hidden, hidden, element, true);
    c.input("weight", linear->weight, matrix / 4 * element, element, true);
    c.output("grad_hidden", linear->grad_hidden, hidden, element);
    c.output("grad_weight", linear->grad_weight, matrix, 4);
  }
};

int32_t check_token_log_probs(tppo_token_log_probs_args& a, tppo_linear_args* linear, Check& c) {
  Logits<tppo_token_log_probs_args> logits(c, a, linear);
  if (!c.ok()) return c.status();
  if (c.pointers() && linear != nullptr && (linear->grad_hidden != nullptr || linear->grad_weight != nullptr))
    c.fail("grad_hidden or grad_weight is given, but token_log_probs has no loss");
  logits.inputs();
  logits.outputs(TPPO_TOKEN_LOG_PROBS_STATS);
  logits.target_contents(nullptr);
  return c.finish();
}

int32_t check_policy_loss(tppo_policy_loss_args& a, tppo_linear_args* linear, Check& c) {
  Logits<tppo_policy_loss_args> logits(c, a, linear);
  logits.stride("grad_stride", a.grad_stride);
  c.one_of("aggregation", a.aggregation, TPPO_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_SUM);
  c.one_of("kl_estimator", a.kl_estimator, TPPO_KL_K1, TPPO_KL_K3);
  c.one_of("zero_bad_rows", a.zero_bad_rows, 0, 1);
  c.real("eps_low", a.eps_low, 0.0, 1.0);
  c.real("eps_high", a.eps_high, 0.0, 1e30);
  if (a.dual_clip != 0.0) c.real("dual_clip", a.dual_clip, 1.0, 1e30, true);
  c.real("entropy_coef", a.entropy_coef, -1e30, 1e30);
  c.real("kl_coef", a.kl_coef, -1e30, 1e30);
  c.real("log_ratio_clamp", a.log_ratio_clamp, 0.0, 80.0);
  c.real("normalizer", a.normalizer, 0.0, 1e300);
  if (a.aggregation != TPPO_TOKEN_MEAN) c.layout(a.num_tokens, a.num_sequences, a.cu_seqlens);
  if (!c.ok()) return c.status();
  logits.inputs();
  const int64_t bytes = a.num_tokens * 4;
  c.input("old_logprobs", a.old_logprobs, bytes, 4, true);
  c.input("advantages", a.advantages, bytes, 4, true);
  c.input("ref_logprobs", a.ref_logprobs, bytes, 4, false);
  if (c.pointers() && a.num_tokens > 0 && a.ref_logprobs == nullptr) {
    if (a.kl_coef != 0.0) c.fail("ref_logprobs is NULL but kl_coef is %g", a.kl_coef);
    if (a.kl != nullptr) c.fail("ref_logprobs is NULL but kl is asked for");
  }
  logits.outputs(TPPO_POLICY_STATS);
  c.output("ratio", a.ratio, bytes, 4);
  c.output("objective", a.objective, bytes, 4);
  c.output("kl", a.kl, bytes, 4);
  c.output("grad_logprob", a.grad_logprob, bytes, 4);
  logits.gradient(a.grad_stride, a.grad_logits);
  logits.target_contents(nullptr);
  return c.finish();
}

/// Every weight that counts is finite, and so is their sum where it is the normaliser.
void weight_contents(Check& c, const tppo_nll_loss_args& a) {
  if (!c.contents() || a.weights == nullptr) return;
  double sum = 0.0;
  const int64_t count = a.rows != nullptr ? a.num_rows : a.num_tokens;
  for (int64_t k = 0; k < count; ++k) {
    const int64_t i = a.rows != nullptr ? a.rows[k] : k;
    if (a.mask != nullptr && a.mask[i] == 0) continue;
    const double w = a.weights[i];
    if (w - w != 0.0) return c.fail("weights[%lld] is %g, expected a finite number", static_cast<long long>(i), w);
    if (w < 0.0 && a.normalizer == 0.0) return c.fail("weights[%lld] is %g: negative weights need a normalizer", static_cast<long long>(i), w);
    sum += w;
  }
  if (a.normalizer == 0.0 && sum - sum != 0.0) c.fail("weights have no finite sum");
}

int32_t check_nll_loss(tppo_nll_loss_args& a, tppo_linear_args* linear, Check& c) {
  Logits<tppo_nll_loss_args> logits(c, a, linear);
  logits.stride("grad_stride", a.grad_stride);
  c.one_of("zero_bad_rows", a.zero_bad_rows, 0, 1);
  c.real("normalizer", a.normalizer, 0.0, 1e300);
  if (!c.ok()) return c.status();
  logits.inputs();
  c.input("weights", a.weights, a.num_tokens * 4, 4, false);
  logits.outputs(TPPO_NLL_STATS);
  logits.gradient(a.grad_stride, a.grad_logits);
  weight_contents(c, a);
  logits.target_contents(a.weights);
  return c.finish();
}

}  // namespace

void defaults(tppo_linear_args& a) {
  a = {};
  a.size = sizeof a;
}

void defaults(tppo_token_log_probs_args& a) {
  a = {};
  a.size = sizeof a;
  a.temperature = 1.0;
}

void defaults(tppo_policy_loss_args& a) {
  a = {};
  a.size = sizeof a;
  a.num_sequences = 1;
  a.kl_estimator = TPPO_KL_K3;
  a.temperature = 1.0;
  a.eps_low = a.eps_high = 0.2;
  a.log_ratio_clamp = 20.0;
}

void defaults(tppo_nll_loss_args& a) {
  a = {};
  a.size = sizeof a;
  a.temperature = 1.0;
}

int32_t check(tppo_token_log_probs_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_token_log_probs", device, shapes_only);
  return check_token_log_probs(a, nullptr, c);
}

int32_t check(tppo_policy_loss_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_policy_loss", device, shapes_only);
  return check_policy_loss(a, nullptr, c);
}

int32_t check(tppo_nll_loss_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_nll_loss", device, shapes_only);
  return check_nll_loss(a, nullptr, c);
}

int32_t check(LinearArgs<tppo_token_log_probs_args>& a, int32_t device, bool shapes_only) {
  Check c("tppo_linear_token_log_probs", device, shapes_only);
  return check_token_log_probs(a.loss, &a.linear, c);
}

int32_t check(LinearArgs<tppo_policy_loss_args>& a, int32_t device, bool shapes_only) {
  Check c("tppo_linear_policy_loss", device, shapes_only);
  return check_policy_loss(a.loss, &a.linear, c);
}

int32_t check(LinearArgs<tppo_nll_loss_args>& a, int32_t device, bool shapes_only) {
  Check c("tppo_linear_nll_loss", device, shapes_only);
  return check_nll_loss(a.loss, &a.linear, c);
}

}  // namespace tppo
