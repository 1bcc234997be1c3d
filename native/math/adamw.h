// SPDX-License-Identifier: Apache-2.0
// AdamW step of one parameter, as torch.optim.AdamW, and the gradient clipping factor.
#pragma once

#include "hd.h"

namespace tppo::math {

/// What a step has in common for all its parameters, rounded to T once.
template <typename T>
struct AdamwStep {
  T decay;         // 1 - lr weight_decay
  T beta1c, beta2, beta2c; // beta1c = 1 - beta1, beta2c = 1 - beta2, taken in double: in float 1 - 0.999f is off by 1.3e-5
  T step_size;     // lr / (1 - beta1^t)
  T inv_root_bias; // 1 / sqrt(1 - beta2^t)
  T eps;
};

template <typename T>
TPPO_HD AdamwStep<T> adamw_step(double lr, double beta1, double beta2, double eps, double weight_decay, int64_t t) {
  const double n = static_cast<double>(t);
  return AdamwStep<T>{static_cast<T>(1.0 - lr * weight_decay), static_cast<T>(1.0 - beta1), static_cast<T>(beta2),
                      static_cast<T>(1.0 - beta2), static_cast<T>(lr / (1.0 - pow(beta1, n))),
                      static_cast<T>(1.0 / sqrt(1.0 - pow(beta2, n))), static_cast<T>(eps)};
}

template <typename T>
TPPO_HD void adamw_update(const AdamwStep<T>& o, T g, T* p, T* m, T* v) {
  // m + (1 - beta1)(g - m), which is torch's lerp: it loses less than beta1 m + (1 - beta1) g when they nearly agree.
  *m = *m + o.beta1c * (g - *m);
  *v = o.beta2 * *v + o.beta2c * g * g;
  *p = *p * o.decay - o.step_size * (*m / (sqrt(*v) * o.inv_root_bias + o.eps));
}

/// min(1, max_norm / (norm + 1e-6)), as clip_grad_norm_; 1 without a limit (max_norm 0); NaN when the norm is not finite.
TPPO_HD double clip_factor(double norm, double max_norm) {
  if (!finite(norm)) return static_cast<double>(NAN);
  if (!(max_norm > 0.0)) return 1.0;
  const double f = max_norm / (norm + 1e-6);
  return f < 1.0 ? f : 1.0;
}

}  // namespace tppo::math
