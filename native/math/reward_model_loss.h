// SPDX-License-Identifier: Apache-2.0
// Token-level reward model: softmax over three classes and the gradients of its two losses (equations 1 to 3).
#pragma once

#include "hd.h"

namespace tppo::math {

template <typename T>
struct ThreeClasses {
  T p[3];      // probabilities
  T ln_p[3];   // their logarithms
  T expected;  // sum_c c p_c
  int32_t argmax;  // lowest index on ties
  bool bad;    // NaN, +inf, or nothing but -inf
};

template <typename T>
TPPO_HD ThreeClasses<T> three_classes(T z0, T z1, T z2) {
  ThreeClasses<T> r;
  r.argmax = z1 > z0 ? (z2 > z1 ? 2 : 1) : (z2 > z0 ? 2 : 0);
  const T m = r.argmax == 0 ? z0 : r.argmax == 1 ? z1 : z2;
  const T d0 = z0 - m, d1 = z1 - m, d2 = z2 - m;
  const T e0 = exp(d0), e1 = exp(d1), e2 = exp(d2);
  const T s = e0 + e1 + e2;
  r.bad = !finite(s);
  const T ln_s = log(s);
  r.p[0] = e0 / s;
  r.p[1] = e1 / s;
  r.p[2] = e2 / s;
  r.ln_p[0] = d0 - ln_s;
  r.ln_p[1] = d1 - ln_s;
  r.ln_p[2] = d2 - ln_s;
  r.expected = r.p[1] + T(2) * r.p[2];
  return r;
}

/// d loss / d logit c = local (p_c - [c = label]) + global p_c (c - expected):
/// local = d loss / d nll (class weight and normaliser in it), global = d loss / d expected.
template <typename T>
TPPO_HD T reward_model_gradient(const ThreeClasses<T>& k, int32_t c, int32_t label, T local, T global) {
  return local * (k.p[c] - (c == label ? T(1) : T(0))) + global * k.p[c] * (T(c) - k.expected);
}

}  // namespace tppo::math
