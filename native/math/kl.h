// SPDX-License-Identifier: Apache-2.0
// One-sample estimators of KL(policy || other).
#pragma once

#include "../include/tppo.h"
#include "elementary.h"

namespace tppo::math {

/// logprob - other, clamped to [-limit, limit] (limit 0: not clamped); `clamped` says whether the clamp held.
/// T: a number, or on the CPU a vector of numbers N.
template <typename T>
struct LogRatio {
  T value;
  decltype(T() < T()) clamped;
};

template <typename T, typename N>
TPPO_HD LogRatio<T> log_ratio(T logprob, T other, N limit) {
  const T d = logprob - other;
  if (!(limit > N(0))) return LogRatio<T>{d, {}};
  return LogRatio<T>{d < -limit ? -limit : (d > limit ? limit : d), d < -limit || d > limit};
}

template <typename T>
TPPO_HD T kl_k1(T d) {
  return d;
}
template <typename T>
TPPO_HD T kl_k2(T d) {
  return d * d / 2;
}
/// exp(-d) - 1 + d without cancellation near 0.
template <typename T>
TPPO_HD T kl_k3(T d) {
  return Elementary<T>::expm1(-d) + d;
}

template <typename T>
TPPO_HD T kl_estimate(int32_t estimator, T d) {
  return estimator == TPPO_KL_K1 ? kl_k1(d) : estimator == TPPO_KL_K2 ? kl_k2(d) : kl_k3(d);
}

/// Derivative of the estimate with respect to logprob, given that the log-ratio is not clamped.
template <typename T>
TPPO_HD T kl_slope(int32_t estimator, T d) {
  return estimator == TPPO_KL_K1 ? T(1) : estimator == TPPO_KL_K2 ? d : -Elementary<T>::expm1(-d);
}

}  // namespace tppo::math
