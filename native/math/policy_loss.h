// SPDX-License-Identifier: Apache-2.0
// Clipped policy loss of one token (equations 6 and 7) and its derivative.
#pragma once

#include "kl.h"

namespace tppo::math {

template <typename T>
struct PolicyOptions {
  T eps_low, eps_high;
  T dual_clip;  // 0 = off
  T entropy_coef, kl_coef;
  T log_ratio_clamp;  // 0 = off
  int32_t kl_estimator;
};

/// All that one token yields before the logits are touched.
template <typename T>
struct PolicyToken {
  T ratio, objective, kl;  // kl = 0 without a reference
  T old_d, ref_d;          // clamped log-ratios to the old policy and to the reference
  T slope;                 // d(-objective + kl_coef kl) / d logprob, not yet weighted
  bool clipped_high, clipped_low, outside, dual_clipped, clamped;
};

/// `logprob` must already be rounded to what is stored, so that an unchanged policy gives a ratio of exactly 1.
template <typename T>
TPPO_HD PolicyToken<T> policy_token(const PolicyOptions<T>& o, T logprob, T old_logprob, T advantage, bool has_ref,
                                    T ref_logprob) {
  PolicyToken<T> r;
  const LogRatio<T> to_old = log_ratio(logprob, old_logprob, o.log_ratio_clamp);
  r.old_d = to_old.value;
  r.ratio = exp(to_old.value);
  const T low = T(1) - o.eps_low;
  const T high = T(1) + o.eps_high;
  const T free_objective = r.ratio * advantage;
  const T clip_objective = clamp(r.ratio, low, high) * advantage;
  // Written so that NaN chooses the free side and shows.
  const bool clip_holds = clip_objective < free_objective;
  r.objective = clip_holds ? clip_objective : free_objective;
  const bool negative = advantage < T(0);
  r.dual_clipped = o.dual_clip > T(0) && negative && r.objective < o.dual_clip * advantage;
  if (r.dual_clipped) r.objective = o.dual_clip * advantage;
  r.clipped_high = advantage > T(0) && r.ratio > high;
  r.clipped_low = negative && r.ratio < low;
  r.outside = r.ratio > high || r.ratio < low;
  r.slope = clip_holds || r.dual_clipped || to_old.clamped ? T(0) : -free_objective;
  r.clamped = to_old.clamped;
  r.kl = T(0);
  r.ref_d = T(0);
  if (has_ref) {
    const LogRatio<T> to_ref = log_ratio(logprob, ref_logprob, o.log_ratio_clamp);
    r.ref_d = to_ref.value;
    r.kl = kl_estimate(o.kl_estimator, to_ref.value);
    if (!to_ref.clamped && o.kl_coef != T(0)) r.slope += o.kl_coef * kl_slope(o.kl_estimator, to_ref.value);
    r.clamped = r.clamped || to_ref.clamped;
  }
  return r;
}

/// The whole term of a token, from its log-prob and entropy alone: -objective + kl_term + entropy_term.
template <typename T>
struct PolicyTerm {
  PolicyToken<T> token;
  T kl_term, entropy_term;
  bool bad;  // no distribution, or a term that is not finite

  TPPO_HD PolicyTerm(const PolicyOptions<T>& o, bool has_ref, T logprob, T entropy, T old_logprob, T advantage, T ref_logprob)
      : token(policy_token(o, logprob, old_logprob, advantage, has_ref, ref_logprob)),
        kl_term(o.kl_coef != T(0) ? o.kl_coef * token.kl : T(0)), entropy_term(o.entropy_coef != T(0) ? -o.entropy_coef * entropy : T(0)),
        bad(is_nan(logprob) || !finite(value()) || !finite(token.kl)) {}

  TPPO_HD T value() const { return -token.objective + kl_term + entropy_term; }
};

/// Coefficients of the gradient row but for the target's element. With d = (x_j - max) / temperature and e = exp(d), of which s is the sum:
///   d loss / d x_j = e (per_d d + constant)
/// which follows from d logprob / d z_j = [j = target] - p_j and d H / d z_j = -p_j (ln p_j + H).
template <typename T>
struct GradientRow {
  T per_d, constant;
};

/// g = d loss / d logprob; h = -d loss / d H (weight * entropy_coef); s, entropy: of the row; inv_temperature = 1 / temperature.
template <typename T>
TPPO_HD GradientRow<T> gradient_row(T g, T h, T s, T entropy, T inv_temperature) {
  const T scale = inv_temperature / s;
  return GradientRow<T>{h * scale, (h * (entropy - log(s)) - g) * scale};
}

/// The target's element. 1 - p must not be formed from a rounded p: the row may be all but certain.
template <typename T>
TPPO_HD T gradient_at_target(T g, T h, T logprob, T entropy, T inv_temperature) {
  const T p = exp(logprob);
  const T entropy_part = p > T(0) ? h * p * (logprob + entropy) : T(0);
  return (entropy_part - g * expm1(logprob)) * inv_temperature;
}

}  // namespace tppo::math
