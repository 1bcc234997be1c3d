// SPDX-License-Identifier: Apache-2.0
// Arguments of value_loss, dpo_loss and the optimiser: global_norm, scale, adamw.
#include "args.h"
#include "check.h"

namespace tppo {

void defaults(tppo_value_loss_args& a) {
  a = {};
  a.size = sizeof a;
  a.clip = 0.2;
}

int32_t check(tppo_value_loss_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_value_loss", device, shapes_only);
  c.count("num_tokens", a.num_tokens);
  c.real("clip", a.clip, -1e30, 1e30);
  c.real("normalizer", a.normalizer, 0.0, 1e300);
  if (!c.ok()) return c.status();
  const int64_t bytes = a.num_tokens * 4;
  c.input("values", a.values, bytes, 4, true);
  c.input("old_values", a.old_values, bytes, 4, a.clip >= 0.0);
  c.input("returns", a.returns, bytes, 4, true);
  c.input("mask", a.mask, a.num_tokens, 1, false);
  c.output("per_token", a.per_token, bytes, 4);
  c.output("grad_values", a.grad_values, bytes, 4);
  c.output("stats", a.stats, TPPO_VALUE_STATS * 8, 8);
  c.may_be_same("grad_values", "values");
  return c.finish();
}

void defaults(tppo_dpo_loss_args& a) {
  a = {};
  a.size = sizeof a;
  a.beta = 0.1;
}

int32_t check(tppo_dpo_loss_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_dpo_loss", device, shapes_only);
  c.count("num_pairs", a.num_pairs);
  c.real("beta", a.beta, 0.0, 1e30, true);
  c.real("normalizer", a.normalizer, 0.0, 1e300);
  if (!c.ok()) return c.status();
  const int64_t bytes = a.num_pairs * 4;
  c.input("policy_chosen", a.policy_chosen, bytes, 4, true);
  c.input("policy_rejected", a.policy_rejected, bytes, 4, true);
  c.input("ref_chosen", a.ref_chosen, bytes, 4, true);
  c.input("ref_rejected", a.ref_rejected, bytes, 4, true);
  c.output("losses", a.losses, bytes, 4);
  c.output("chosen_rewards", a.chosen_rewards, bytes, 4);
  c.output("rejected_rewards", a.rejected_rewards, bytes, 4);
  c.output("margins", a.margins, bytes, 4);
  c.output("grad_chosen", a.grad_chosen, bytes, 4);
  c.output("grad_rejected", a.grad_rejected, bytes, 4);
  c.output("stats", a.stats, TPPO_DPO_STATS * 8, 8);
  return c.finish();
}

void defaults(tppo_global_norm_args& a) {
  a = {};
  a.size = sizeof a;
}

int32_t check(tppo_global_norm_args& a, int32_t device, bool shapes_only) {
  // The two lists are host arrays on every device, and the workspace depends on the lengths: they are checked in size queries too.
  Check c("tppo_global_norm", device, false);
  c.count("num_tensors", a.num_tensors);
  c.real("max_norm", a.max_norm, 0.0, 1e30);
  if (!c.ok()) return c.status();
  const int64_t list = a.num_tensors * 8;
  c.input("lengths", a.lengths, list, 8, true);
  if (c.ok())
    for (int64_t i = 0; i < a.num_tensors; ++i)
      if (a.lengths[i] < 0 || a.lengths[i] > INT64_C(1) << 56)
        return c.fail("lengths[%lld] is %lld", static_cast<long long>(i), static_cast<long long>(a.lengths[i])), c.status();
  if (shapes_only) return c.finish();
  c.input("tensors", a.tensors, list, 8, true);
  if (c.ok())
    for (int64_t i = 0; i < a.num_tensors; ++i) {
      if (a.lengths[i] > 0 && a.tensors[i] == nullptr) return c.fail("tensors[%lld] is NULL", static_cast<long long>(i)), c.status();
      if (reinterpret_cast<uintptr_t>(a.tensors[i]) % 4 != 0)
        return c.fail("tensors[%lld] is not aligned to its 4-byte elements", static_cast<long long>(i)), c.status();
    }
  c.output("stats", a.stats, TPPO_NORM_STATS * 8, 8, true);
  const uintptr_t stats = reinterpret_cast<uintptr_t>(a.stats);
  for (int64_t i = 0; i < a.num_tensors && c.ok(); ++i) {
    const uintptr_t begin = reinterpret_cast<uintptr_t>(a.tensors[i]);
    uintptr_t end;
    if (__builtin_add_overflow(begin, static_cast<uintptr_t>(a.lengths[i]) * 4, &end))
      c.fail("tensors[%lld]: %lld elements from this address exceed the address space", static_cast<long long>(i), static_cast<long long>(a.lengths[i]));
    if (begin < stats + TPPO_NORM_STATS * 8 && stats < end) c.fail("stats overlaps tensors[%lld]", static_cast<long long>(i));
  }
  return c.finish();
}

void defaults(tppo_scale_args& a) {
  a = {};
  a.size = sizeof a;
  a.factor = 1.0;
}

int32_t check(tppo_scale_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_scale", device, shapes_only);
  c.count("length", a.length);
  c.real("factor", a.factor, -1e300, 1e300);
  if (!c.ok()) return c.status();
  c.input("device_factor", a.device_factor, 8, 8, false);
  c.output("x", a.x, a.length * 4, 4, true);
  return c.finish();
}

void defaults(tppo_adamw_args& a) {
  a = {};
  a.size = sizeof a;
  a.step = 1;
  a.lr = 5e-6;
  a.beta1 = 0.9;
  a.beta2 = 0.999;
  a.eps = 1e-8;
  a.weight_decay = 0.01;
}

int32_t check(tppo_adamw_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_adamw", device, shapes_only);
  c.count("length", a.length);
  c.at_least("step", a.step, 1);
  c.real("lr", a.lr, 0.0, 1e30);
  c.real("beta1", a.beta1, 0.0, 1.0);
  c.real("beta2", a.beta2, 0.0, 1.0);
  if (a.beta1 == 1.0 || a.beta2 == 1.0) c.fail("beta1 and beta2 must be less than 1");
  c.real("eps", a.eps, 0.0, 1e30);
  c.real("weight_decay", a.weight_decay, 0.0, 1e30);
  if (!c.ok()) return c.status();
  const int64_t bytes = a.length * 4;
  c.input("grad_scale", a.grad_scale, 8, 8, false);
  c.input("grad", a.grad, bytes, 4, true);
  c.output("param", a.param, bytes, 4, true);
  c.output("exp_avg", a.exp_avg, bytes, 4, true);
  c.output("exp_avg_sq", a.exp_avg_sq, bytes, 4, true);
  return c.finish();
}

}  // namespace tppo
