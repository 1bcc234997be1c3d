// SPDX-License-Identifier: Apache-2.0
#include "logit_rows.h"

namespace tppo::cpu {

LogitRow LogitRows::read(int64_t row, int64_t target) const {
  const RowSums sums =
      bf16_ ? kernels_.sums_bf16(bf16(row), vocab_, scale_) : kernels_.sums_f32(f32(row), vocab_, scale_);
  const float x = bf16_ ? math::to_float(bf16(row)[target]) : f32(row)[target];
  // The sums are in units of log2 and of z - max z; the scores are given in the same frame.
  const math::LogSumExp<double> lse{0.0, sums.s, sums.t * 0.6931471805599453};
  LogitRow r;
  r.max = sums.max;
  r.s = sums.s;
  r.bad = math::lse_bad(lse) || !math::finite(sums.max);
  if (r.bad) {
    r.exact_logprob = r.exact_entropy = NAN;
  } else {
    r.exact_logprob = math::lse_log_prob(lse, (static_cast<double>(x) - sums.max) * inverse_temperature_);
    r.exact_entropy = math::lse_entropy(lse);
  }
  r.logprob = static_cast<float>(r.exact_logprob);
  r.entropy = static_cast<float>(r.exact_entropy);
  return r;
}

void LogitRows::write_gradient(int64_t row, const LogitRow& r, int64_t target, double g, double h, void* out, int64_t next_row) const {
  if (g == 0.0 && h == 0.0) return fill(out, 0.0f);
  const math::GradientRow<double> c = math::gradient_row(g, h, r.s, r.exact_entropy, inverse_temperature_);
  // The kernels count d in log2.
  const float per_d = static_cast<float>(c.per_d * 0.6931471805599453);
  const float constant = static_cast<float>(c.constant);
  // At the target 1 - p must not be formed by rounding p first: the row may be all but certain.
  const double p = std::exp(r.exact_logprob);
  const double entropy_part = p > 0.0 ? h * p * (r.exact_logprob + r.exact_entropy) : 0.0;
  const float at_target = static_cast<float>((entropy_part - g * std::expm1(r.exact_logprob)) * inverse_temperature_);
  if (bf16_) {
    math::bf16* const o = static_cast<math::bf16*>(out);
    kernels_.gradient_bf16(bf16(row), o, vocab_, r.max, scale_, per_d, constant, next_row >= 0 ? bf16(next_row) : nullptr);
    o[target] = math::to_bf16(at_target);
  } else {
    float* const o = static_cast<float*>(out);
    kernels_.gradient_f32(f32(row), o, vocab_, r.max, scale_, per_d, constant, next_row >= 0 ? f32(next_row) : nullptr);
    o[target] = at_target;
  }
}

void LogitRows::fill(void* out, float value) const {
  for (int64_t j = 0; j < vocab_; ++j)
    if (bf16_)
      static_cast<math::bf16*>(out)[j] = math::to_bf16(value);
    else
      static_cast<float*>(out)[j] = value;
}

}  // namespace tppo::cpu
