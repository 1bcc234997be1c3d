// SPDX-License-Identifier: Apache-2.0
// Arguments of the operations on rewards and labels: shape_rewards, gae, whiten, reward_model_loss, balance_mask.
#include "args.h"
#include "check.h"

namespace tppo {
namespace {

/// Every valid label must be a class.
void classes_0_to_2(Check& c, const char* name, const int32_t* labels, const uint8_t* mask, int64_t n) {
  if (!c.contents() || labels == nullptr) return;
  // Whether it is valid, and which one it is, is asked afterwards: a search that may end at any token cannot take several at a time.
  uint32_t any = 0;
  for (int64_t i = 0; i < n; ++i) any |= static_cast<uint32_t>(labels[i]) > 2u;
  for (int64_t i = 0; any != 0 && i < n; ++i)
    if (static_cast<uint32_t>(labels[i]) > 2u && (mask == nullptr || mask[i] != 0))
      return c.fail("%s[%lld] is %d, expected 0, 1 or 2", name, static_cast<long long>(i), labels[i]);
}

}  // namespace

void defaults(tppo_shape_rewards_args& a) {
  a = {};
  a.size = sizeof a;
  a.num_sequences = 1;
  a.length_penalty = 1;
  a.kl_estimator = TPPO_KL_K1;
  a.alpha = 2.0;
  a.length_offset = 6.0;
  a.kl_coef = 0.2;
  a.log_ratio_clamp = 20.0;
  a.class_values[1] = 1.0;
  a.class_values[2] = 2.0;
}

namespace {

void shape_rewards_options(Check& c, const tppo_shape_rewards_args& a) {
  c.layout(a.num_tokens, a.num_sequences, a.cu_seqlens);
  c.one_of("length_penalty", a.length_penalty, 0, 1);
  c.one_of("kl_estimator", a.kl_estimator, TPPO_KL_K1, TPPO_KL_K3);
  c.real("alpha", a.alpha, -1e6, 1e6);
  c.real("suggested_length", a.suggested_length, 0.0, 1e15);
  c.real("length_offset", a.length_offset, -1e6, 1e6);
  c.real("kl_coef", a.kl_coef, -1e30, 1e30);
  c.real("log_ratio_clamp", a.log_ratio_clamp, 0.0, 80.0);
  for (double value : a.class_values) c.real("class_values", value, -1e30, 1e30);
}

void shape_rewards_arrays(Check& c, const tppo_shape_rewards_args& a) {
  const int64_t bytes = a.num_tokens * 4;
  c.input("classes", a.classes, bytes, 4, false);
  c.input("scores", a.scores, bytes, 4, false);
  c.input("positions", a.positions, bytes, 4, false);
  c.input("logprobs", a.logprobs, bytes, 4, false);
  c.input("ref_logprobs", a.ref_logprobs, bytes, 4, a.logprobs != nullptr);
  c.input("terminal_rewards", a.terminal_rewards, a.num_sequences * 4, 4, false);
  c.input("mask", a.mask, a.num_tokens, 1, false);
  if (c.pointers() && a.num_tokens > 0) {
    if ((a.classes == nullptr) == (a.scores == nullptr)) c.fail("exactly one of classes and scores must be given");
    if (a.logprobs == nullptr && a.ref_logprobs != nullptr) c.fail("logprobs is NULL but ref_logprobs is given");
    if (a.logprobs == nullptr && a.kl != nullptr) c.fail("logprobs is NULL but kl is asked for");
  }
  c.output("lwp", a.lwp, bytes, 4);
  c.output("shaped", a.shaped, bytes, 4);
  c.output("kl", a.kl, bytes, 4);
  c.output("rewards", a.rewards, bytes, 4);
  c.output("stats", a.stats, TPPO_SHAPE_REWARDS_STATS * 8, 8);
  c.may_be_same("shaped", "scores");
  c.may_be_same("rewards", "scores");
  classes_0_to_2(c, "classes", a.classes, a.mask, a.num_tokens);
}

}  // namespace

int32_t check(tppo_shape_rewards_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_shape_rewards", device, shapes_only);
  shape_rewards_options(c, a);
  if (!c.ok()) return c.status();
  shape_rewards_arrays(c, a);
  return c.finish();
}

void defaults(tppo_gae_args& a) {
  a = {};
  a.size = sizeof a;
  a.num_sequences = 1;
  a.gamma = 1.0;
  a.lambda = 0.95;
}

int32_t check(tppo_gae_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_gae", device, shapes_only);
  c.layout(a.num_tokens, a.num_sequences, a.cu_seqlens);
  c.real("gamma", a.gamma, 0.0, 1.0);
  c.real("lambda", a.lambda, 0.0, 1.0);
  if (!c.ok()) return c.status();
  const int64_t bytes = a.num_tokens * 4;
  c.input("rewards", a.rewards, bytes, 4, true);
  c.input("values", a.values, bytes, 4, true);
  c.input("mask", a.mask, a.num_tokens, 1, false);
  c.output("advantages", a.advantages, bytes, 4, true);
  c.output("returns", a.returns, bytes, 4);
  c.may_be_same("advantages", "rewards");
  c.may_be_same("returns", "values");
  return c.finish();
}

void defaults(tppo_whiten_args& a) {
  a = {};
  a.size = sizeof a;
  a.unbiased = 1;
  a.epsilon = 1e-8;
}

int32_t check(tppo_whiten_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_whiten", device, shapes_only);
  c.count("num_tokens", a.num_tokens);
  c.one_of("unbiased", a.unbiased, 0, 1);
  c.one_of("keep_mean", a.keep_mean, 0, 1);
  c.real("epsilon", a.epsilon, 0.0, 1e30);
  if (!c.ok()) return c.status();
  const int64_t bytes = a.num_tokens * 4;
  c.input("x", a.x, bytes, 4, true);
  c.input("mask", a.mask, a.num_tokens, 1, false);
  c.output("out", a.out, bytes, 4, true);
  c.output("stats", a.stats, TPPO_WHITEN_STATS * 8, 8);
  c.may_be_same("out", "x");
  return c.finish();
}

int32_t check(TokenAdvantagesArgs& a, int32_t device, bool shapes_only) {
  Check c("tppo_token_advantages", device, shapes_only);
  shape_rewards_options(c, a.shape);
  c.real("gamma", a.gae.gamma, 0.0, 1.0);
  c.real("lambda", a.gae.lambda, 0.0, 1.0);
  if (a.gae.num_tokens != a.shape.num_tokens || a.gae.num_sequences != a.shape.num_sequences)
    c.fail("gae->num_tokens and num_sequences differ from those of shape");
  if (a.whitens) {
    c.one_of("unbiased", a.whiten.unbiased, 0, 1);
    c.one_of("keep_mean", a.whiten.keep_mean, 0, 1);
    c.real("epsilon", a.whiten.epsilon, 0.0, 1e30);
    if (a.whiten.num_tokens != a.shape.num_tokens) c.fail("whiten->num_tokens differs from that of shape");
  }
  if (c.pointers()) {
    if (a.gae.mask != a.shape.mask || a.gae.cu_seqlens != a.shape.cu_seqlens) c.fail("gae->mask and cu_seqlens must be those of shape");
    if (a.gae.rewards != nullptr) c.fail("gae->rewards is given; it is what shape computes");
    if (a.whitens && a.whiten.mask != a.shape.mask) c.fail("whiten->mask must be that of shape");
    if (a.whitens && (a.whiten.x != nullptr || a.whiten.out != nullptr)) c.fail("whiten->x or out is given; both are gae->advantages");
  }
  if (!c.ok()) return c.status();
  shape_rewards_arrays(c, a.shape);
  const int64_t bytes = a.gae.num_tokens * 4;
  c.input("values", a.gae.values, bytes, 4, true);
  c.output("advantages", a.gae.advantages, bytes, 4, true);
  c.output("returns", a.gae.returns, bytes, 4);
  c.may_be_same("advantages", "scores");
  c.may_be_same("returns", "values");
  if (a.whitens) c.output("whiten->stats", a.whiten.stats, TPPO_WHITEN_STATS * 8, 8);
  return c.finish();
}

void defaults(tppo_reward_model_loss_args& a) {
  a = {};
  a.size = sizeof a;
  a.num_sequences = 1;
  a.w_local = 0.4;
  a.w_global = 0.6;
  for (double& w : a.class_weights) w = 1.0;
}

int32_t check(tppo_reward_model_loss_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_reward_model_loss", device, shapes_only);
  c.layout(a.num_tokens, a.num_sequences, a.cu_seqlens);
  c.dtype(a.dtype);
  c.one_of("local_reduction", a.local_reduction, TPPO_LOCAL_SUM_OVER_N, TPPO_LOCAL_WEIGHTED_MEAN);
  c.one_of("global_mode", a.global_mode, TPPO_GLOBAL_STRAIGHT_THROUGH, TPPO_GLOBAL_ARGMAX);
  c.real("w_local", a.w_local, 0.0, 1e30);
  c.real("w_global", a.w_global, 0.0, 1e30);
  for (double w : a.class_weights) c.real("class_weights", w, 0.0, 1e30);
  c.real("num_samples", a.num_samples, 0.0, 1e300);
  c.real("local_normalizer", a.local_normalizer, 0.0, 1e300);
  if (!c.ok()) return c.status();
  const int64_t element = element_bytes(a.dtype);
  const int64_t logits = c.rows("logits", a.num_tokens, 3, 3, element);
  c.input("logits", a.logits, logits, element, true);
  c.input("labels", a.labels, a.num_tokens * 4, 4, true);
  c.input("sentence_labels", a.sentence_labels, a.num_tokens > 0 ? a.num_sequences * 4 : 0, 4, a.w_global != 0.0);
  c.input("mask", a.mask, a.num_tokens, 1, false);
  c.input("global_mask", a.global_mask, a.num_tokens, 1, false);
  c.output("weighted_nll", a.weighted_nll, a.num_tokens * 4, 4);
  c.output("expected_value", a.expected_value, a.num_tokens * 4, 4);
  c.output("argmax", a.argmax, a.num_tokens * 4, 4);
  c.output("mean_argmax", a.mean_argmax, a.num_sequences * 4, 4);
  c.output("mean_expected", a.mean_expected, a.num_sequences * 4, 4);
  c.output("grad_logits", a.grad_logits, logits, element);
  c.output("stats", a.stats, TPPO_REWARD_MODEL_STATS * 8, 8);
  c.may_be_same("grad_logits", "logits");
  classes_0_to_2(c, "labels", a.labels, a.mask, a.num_tokens);
  return c.finish();
}

void defaults(tppo_balance_mask_args& a) {
  a = {};
  a.size = sizeof a;
  a.num_sequences = 1;
  a.rho = 3.0;
  a.count1 = a.count2 = -1;
}

int32_t check(tppo_balance_mask_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_balance_mask", device, shapes_only);
  c.layout(a.num_tokens, a.num_sequences, a.cu_seqlens);
  c.real("rho", a.rho, 0.0, 1e30, true);
  c.at_least("first_sample", a.first_sample, 0);
  if (c.ok() && a.first_sample > INT64_C(0x100000000) - a.num_sequences)
    c.fail("first_sample is %lld, sample numbers must stay below 2^32", static_cast<long long>(a.first_sample));
  c.at_least("count1", a.count1, -1);
  c.at_least("count2", a.count2, -1);
  if ((a.count1 < 0) != (a.count2 < 0)) c.fail("count1 and count2 must be given together");
  if (!c.ok()) return c.status();
  c.input("labels", a.labels, a.num_tokens * 4, 4, true);
  c.input("sample_ids", a.sample_ids, a.num_sequences * 4, 4, false);
  c.input("mask", a.mask, a.num_tokens, 1, false);
  c.output("out", a.out, a.num_tokens, 1, true);
  c.output("stats", a.stats, TPPO_BALANCE_STATS * 8, 8);
  c.may_be_same("out", "mask");
  classes_0_to_2(c, "labels", a.labels, a.mask, a.num_tokens);
  return c.finish();
}

}  // namespace tppo
