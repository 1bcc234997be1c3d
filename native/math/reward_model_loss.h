// SPDX-License-Identifier: Apache-2.0
// Token-level reward model: softmax over three classes and the gradients of its two losses (equations 1 to 3).
#pragma once

#include "elementary.h"

namespace tppo::math {

/// T: a number, or on the CPU a vector of numbers. I: what numbers of classes are, an integer or, with vectors, T.
template <typename T, typename I = int32_t>
struct ThreeClasses {
  T p[3];      // probabilities
  T ln_p[3];   // their logarithms
  T expected;  // sum_c c p_c
  I argmax;    // lowest index on ties
  decltype(T() > T()) bad;  // NaN, +inf, or nothing but -inf
};

template <typename T, typename I = int32_t>
TPPO_HD ThreeClasses<T, I> three_classes(T z0, T z1, T z2) {
  const I zero{}, one = zero + 1, two = zero + 2;
  ThreeClasses<T, I> r;
  r.argmax = z1 > z0 ? (z2 > z1 ? two : one) : (z2 > z0 ? two : zero);
  const T m = z1 > z0 ? (z2 > z1 ? z2 : z1) : (z2 > z0 ? z2 : z0);
  const T d0 = z0 - m, d1 = z1 - m, d2 = z2 - m;
  const T e0 = Elementary<T>::exp(d0), e1 = Elementary<T>::exp(d1), e2 = Elementary<T>::exp(d2);
  const T s = e0 + e1 + e2;
  r.bad = !finite(s);
  const T ln_s = Elementary<T>::log(s), inverse = 1 / s;
  r.p[0] = e0 * inverse;
  r.p[1] = e1 * inverse;
  r.p[2] = e2 * inverse;
  r.ln_p[0] = d0 - ln_s;
  r.ln_p[1] = d1 - ln_s;
  r.ln_p[2] = d2 - ln_s;
  r.expected = r.p[1] + 2 * r.p[2];
  return r;
}

/// A loss without weight does not count, whatever it is.
template <typename T>
TPPO_HD T weighted(T weight, T loss) {
  return weight != T(0) ? weight * loss : T(0);
}

/// d loss / d logit c = local (p_c - [c = label]) + global p_c (c - expected):
/// local = d loss / d nll (class weight and normaliser in it), global = d loss / d expected.
template <typename T, typename I>
TPPO_HD T reward_model_gradient(const ThreeClasses<T, I>& k, int32_t c, I label, T local, T global) {
  const T zero{}, one = zero + 1;
  return local * (k.p[c] - (label == I{} + c ? one : zero)) + global * k.p[c] * (zero + c - k.expected);
}

}  // namespace tppo::math
