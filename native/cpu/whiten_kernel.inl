// SPDX-License-Identifier: Apache-2.0
// Sums of masked values, and whitening by them.
#include "../math/whiten.h"
#include "doubles.inl"
#include "token_kernels.h"

namespace tppo::cpu {
namespace {

/// Sum of term(x) over the values that are used.
template <typename Term>
inline double sum_of_terms(const MaskedValues& v, Term term) {
  Sums16<1> sums;
  each16(0, v.n, [&](const auto& tokens) {
    for (int k = 0; k < kParts; ++k) sums.add(0, k, tokens.valid(v.mask, k), term(tokens.load(v.x, k)));
  });
  return sums.result(0);
}

double masked_sum(const MaskedValues& values) {
  return sum_of_terms(values, [](const Doubles& x) { return x; });
}

double masked_squares(const MaskedValues& values, double mean) {
  return sum_of_terms(values, [mean](const Doubles& x) { return (x - mean) * (x - mean); });
}

void whiten(const MaskedValues& v, double mean, double inverse_deviation, bool keep_mean, float* out) {
  each16(0, v.n, [&](const auto& tokens) {
    for (int k = 0; k < kParts; ++k) {
      const Doubles y = math::whiten(tokens.load(v.x, k), mean, inverse_deviation, keep_mean);
      tokens.store(out, k, tokens.valid(v.mask, k) ? y : Doubles{});
    }
  });
}

}  // namespace
}  // namespace tppo::cpu
