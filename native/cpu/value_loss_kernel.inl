// SPDX-License-Identifier: Apache-2.0
// Clipped value loss of some tokens.
#include "../math/value_loss.h"
#include "doubles.inl"
#include "token_kernels.h"

namespace tppo::cpu {
namespace {

void value_loss(const tppo_value_loss_args& args, double inverse, int64_t begin, int64_t end, double* sums_of_tokens) {
  const tppo_value_loss_args a = args;  // which no store can change
  Sums16<kValueSums> sums;
  each16(begin, end, [&](const auto& tokens) {
    for (int k = 0; k < kParts; ++k) {
      const Flags valid = tokens.valid(a.mask, k);
      const Doubles value = tokens.load(a.values, k), target = tokens.load(a.returns, k);
      const auto t = math::value_token(value, a.clip >= 0.0 ? tokens.load(a.old_values, k) : Doubles{}, target, a.clip);
      if (a.per_token != nullptr) tokens.store(a.per_token, k, valid ? t.loss : Doubles{});
      if (a.grad_values != nullptr) tokens.store(a.grad_values, k, valid ? t.slope * inverse : Doubles{});
      sums.add(TPPO_VALUE_LOSS, k, valid, 0.5 * t.loss * inverse);
      sums.count(TPPO_VALUE_VALID, k, valid);
      sums.count(TPPO_VALUE_CLIPPED, k, valid & t.clipped);
      sums.add(TPPO_VALUE_ERROR, k, valid, t.error);
      sums.add(TPPO_VALUE_VALUE, k, valid, value);
      sums.add(TPPO_VALUE_RETURN, k, valid, target);
      sums.add(TPPO_VALUE_RETURN_SQUARED, k, valid, target * target);
    }
  });
  for (int i = 0; i < kValueSums; ++i) sums_of_tokens[i] = sums.result(i);
}

}  // namespace
}  // namespace tppo::cpu
