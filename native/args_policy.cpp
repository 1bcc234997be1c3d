// SPDX-License-Identifier: Apache-2.0
// Arguments of the operations on logits: token_log_probs, policy_loss, nll_loss.
#include "args.h"
#include "check.h"

namespace tppo {
namespace {

/// What the three operations have in common.
template <typename Args>
struct Logits {
  Check& c;
  Args& a;
  int64_t element;

  Logits(Check& check, Args& args) : c(check), a(args), element(args.dtype == TPPO_BF16 ? 2 : 4) {
    c.dtype(a.dtype);
    c.count("num_tokens", a.num_tokens);
    c.at_least("vocab_size", a.vocab_size, 1);
    c.real("temperature", a.temperature, 0.0, 1e30, true);
    stride("logits_stride", a.logits_stride);
  }

  void stride(const char* name, int64_t& value) {
    if (value == 0) value = a.vocab_size;
    if (value < a.vocab_size)
      c.fail("%s is %lld, expected 0 or at least vocab_size %lld", name, static_cast<long long>(value), static_cast<long long>(a.vocab_size));
  }

  void inputs() {
    c.input("logits", a.logits, c.rows("logits", a.num_tokens, a.vocab_size, a.logits_stride, element), element, true);
    c.input("targets", a.targets, a.num_tokens * 8, 8, true);
    c.input("mask", a.mask, a.num_tokens, 1, false);
  }

  void gradient(int64_t grad_stride, void* grad_logits) {
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
    for (int64_t i = 0; i < a.num_tokens; ++i) {
      if (a.mask != nullptr && a.mask[i] == 0) continue;
      if (weights != nullptr && weights[i] == 0.0f) continue;
      if (a.targets[i] < 0 || a.targets[i] >= a.vocab_size)
        return c.fail("targets[%lld] is %lld, expected 0 to %lld (vocab_size - 1)", static_cast<long long>(i),
                      static_cast<long long>(a.targets[i]), static_cast<long long>(a.vocab_size - 1));
    }
  }
};

}  // namespace

void defaults(tppo_token_log_probs_args& a) {
  a = {};
  a.size = sizeof a;
  a.temperature = 1.0;
}

int32_t check(tppo_token_log_probs_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_token_log_probs", device, shapes_only);
  Logits<tppo_token_log_probs_args> logits(c, a);
  if (!c.ok()) return c.status();
  logits.inputs();
  logits.outputs(TPPO_TOKEN_LOG_PROBS_STATS);
  logits.target_contents(nullptr);
  return c.finish();
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

int32_t check(tppo_policy_loss_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_policy_loss", device, shapes_only);
  Logits<tppo_policy_loss_args> logits(c, a);
  logits.stride("grad_stride", a.grad_stride);
  c.one_of("aggregation", a.aggregation, TPPO_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_SUM);
  c.one_of("kl_estimator", a.kl_estimator, TPPO_KL_K1, TPPO_KL_K3);
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

void defaults(tppo_nll_loss_args& a) {
  a = {};
  a.size = sizeof a;
  a.temperature = 1.0;
}

int32_t check(tppo_nll_loss_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_nll_loss", device, shapes_only);
  Logits<tppo_nll_loss_args> logits(c, a);
  logits.stride("grad_stride", a.grad_stride);
  c.real("normalizer", a.normalizer, 0.0, 1e300);
  if (!c.ok()) return c.status();
  logits.inputs();
  c.input("weights", a.weights, a.num_tokens * 4, 4, false);
  logits.outputs(TPPO_NLL_STATS);
  logits.gradient(a.grad_stride, a.grad_logits);
  if (c.contents() && a.weights != nullptr) {
    double sum = 0.0;
    for (int64_t i = 0; i < a.num_tokens; ++i) {
      if (a.mask != nullptr && a.mask[i] == 0) continue;
      const double w = a.weights[i];
      if (w - w != 0.0) return c.fail("weights[%lld] is %g, expected a finite number", static_cast<long long>(i), w), c.status();
      if (w < 0.0 && a.normalizer == 0.0)
        return c.fail("weights[%lld] is %g: negative weights need a normalizer", static_cast<long long>(i), w), c.status();
      sum += w;
    }
    if (a.normalizer == 0.0 && sum - sum != 0.0) c.fail("weights have no finite sum");
  }
  logits.target_contents(a.weights);
  return c.finish();
}

}  // namespace tppo
