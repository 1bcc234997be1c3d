// SPDX-License-Identifier: Apache-2.0
// AdamW step of one parameter, as torch.optim.AdamW, and the gradient clipping factor.
#pragma once

#include "hd.h"

namespace tppo::math {

/// What a step has in common for all its parameters, rounded to T once: 1 - beta is not what rounding beta first would leave.
template <typename T>
struct AdamwStep {
  T decay;          // lr weight_decay
  T rate1, rate2;   // 1 - beta1, 1 - beta2
  T beta2;
  T step_size;      // lr / (1 - beta1^t)
  T inv_root_bias;  // 1 / sqrt(1 - beta2^t)
  T eps;
};

template <typename T>
TPPO_HD AdamwStep<T> adamw_step(double lr, double beta1, double beta2, double eps, double weight_decay, int64_t t) {
  const double n = static_cast<double>(t);
  return AdamwStep<T>{static_cast<T>(lr * weight_decay),
                      static_cast<T>(1.0 - beta1),
                      static_cast<T>(1.0 - beta2),
                      static_cast<T>(beta2),
                      static_cast<T>(lr / (1.0 - pow(beta1, n))),
                      static_cast<T>(1.0 / sqrt(1.0 - pow(beta2, n))),
                      static_cast<T>(eps)};
}

template <typename T>
TPPO_HD void adamw_update(const AdamwStep<T>& o, T g, T* p, T* m, T* v) {
  *m = *m + o.rate1 * (g - *m);
  *v = o.beta2 * *v + o.rate2 * (g * g);
  const T root = sqrt(*v) * o.inv_root_bias + o.eps;
  // Decay and step are small beside p: added up first, they are rounded into p once. A root of 0, of a parameter without gradients where eps
  // is 0 or too small for T, must not give 0/0.
  *p = *p - (o.decay * *p + o.step_size * (*m / (root > T(0) ? root : T(1))));
}

/// min(1, max_norm / (norm + 1e-6)), as clip_grad_norm_; 1 without a limit (max_norm 0); NaN when the norm is not finite.
TPPO_HD double clip_factor(double norm, double max_norm) {
  if (!finite(norm)) return static_cast<double>(NAN);
  if (!(max_norm > 0.0)) return 1.0;
  const double f = max_norm / (norm + 1e-6);
  return f < 1.0 ? f : 1.0;
}

}  // namespace tppo::math
