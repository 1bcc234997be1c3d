// SPDX-License-Identifier: Apache-2.0
#include "logit_rows.h"

namespace tppo::cpu {
namespace {

float load(const void* row, int32_t dtype, int64_t j) {
  if (dtype == TPPO_F32) return static_cast<const float*>(row)[j];
  if (dtype == TPPO_BF16) return math::to_float(static_cast<const math::bf16*>(row)[j]);
  return math::to_float(static_cast<const math::f16*>(row)[j]);
}

void store(void* row, int32_t dtype, int64_t j, float value) {
  if (dtype == TPPO_F32)
    math::store(static_cast<float*>(row) + j, value);
  else if (dtype == TPPO_BF16)
    math::store(static_cast<math::bf16*>(row) + j, value);
  else
    math::store(static_cast<math::f16*>(row) + j, value);
}

}  // namespace


LogitRow LogitRows::row_of(const RowSums& sums, float at_target) const {
  // The sums are in units of log2 and of z - max z; the scores are given in the same frame.
  const math::LogSumExp<double> lse{0.0, sums.s, sums.t * 0.6931471805599453};
  LogitRow r{};
  r.max = sums.max;
  r.s = sums.s;
  r.extreme = sums.extreme;
  r.bad = math::lse_bad(lse) || !math::finite(sums.t) || !math::finite(sums.max);
  if (r.bad) {
    r.exact_logprob = r.exact_entropy = NAN;
  } else {
    r.exact_logprob = math::lse_log_prob(lse, (static_cast<double>(at_target) - sums.max) * inverse_temperature_);
    r.exact_entropy = math::lse_entropy(lse);
  }
  r.logprob = static_cast<float>(r.exact_logprob);
  r.entropy = static_cast<float>(r.exact_entropy);
  return r;
}

LogitRow LogitRows::read(int64_t token, int64_t target) const {
  const void* const x = row(token);
  return row_of(kernels_.of[dtype_].sums(x, vocab_, scale_), load(x, dtype_, target));
}

LogitRow LogitRows::keep(int64_t token, int64_t target, float* e, float* references, int64_t next, const GradientRow* behind) const {
  const void* const x = row(token);
  const float at_target = load(x, dtype_, target);  // before anything is overwritten
  LogitRow r = row_of(kernels_.of[dtype_].exps(x, vocab_, scale_, e, references, next >= 0 ? row(next) : nullptr, behind), at_target);
  r.e = e;
  r.references = references;
  return r;
}

LogitRow LogitRows::read(int64_t token, int64_t target, const RowScratch& scratch, int32_t worker) const {
  return keep(token, target, scratch.exponentials(worker), scratch.references(worker), -1, nullptr);
}

LogitRow LogitRows::read(int64_t token, int64_t target, bool by_entropy, void* out, const RowScratch& scratch, RowWorker& worker) const {
  if (out == nullptr) {
    write_due(worker);
    return read(token, target);
  }
  float* const e = dtype_ == TPPO_F32 && !by_entropy ? static_cast<float*>(out) : scratch.exponentials(worker.index);
  const LogitRow r = keep(token, target, e, scratch.references(worker.index), worker.next, worker.due ? &worker.row : nullptr);
  write_target(worker);
  return r;
}

void LogitRows::write_due(RowWorker& worker) const {
  if (worker.due) kernels_.of[dtype_].gradient(worker.row, vocab_);
  write_target(worker);
}

void LogitRows::write_target(RowWorker& worker) const {
  if (worker.due) store(worker.row.out, dtype_, worker.target, worker.at_target);
  worker.due = false;
}

void LogitRows::write_gradient(int64_t token, const LogitRow& r, int64_t target, double g, double h, void* out, RowWorker& worker) const {
  if (g == 0.0 && h == 0.0) return fill(out, 0.0f);
  const math::GradientRow<double> c = math::gradient_row(g, h, r.s, r.exact_entropy, inverse_temperature_);
  // The kernels count d in log2.
  const GradientCoefficients coefficients{r.e,    r.references, r.max, scale_, static_cast<float>(c.per_d * 0.6931471805599453),
                                          static_cast<float>(c.constant), r.extreme};
  worker.row = GradientRow{row(token), out, coefficients};
  worker.target = target;
  worker.at_target = static_cast<float>(math::gradient_at_target(g, h, r.exact_logprob, r.exact_entropy, inverse_temperature_));
  worker.due = true;
  if (worker.next < 0) write_due(worker);
}

float LogitRows::logprob(const LogitRow& r, float logit) const {
  return static_cast<float>(math::lse_log_prob(math::LogSumExp<double>{0.0, r.s, 0.0}, (static_cast<double>(logit) - r.max) * inverse_temperature_));
}

void LogitRows::probabilities(const LogitRow& r, float* out) const {
  const GradientCoefficients coefficients{r.e, r.references, r.max, scale_, 0.0f, static_cast<float>(1.0 / r.s), r.extreme};
  kernels_.of[TPPO_F32].gradient(GradientRow{r.e, out, coefficients}, vocab_);
}

void LogitRows::fill(void* out, float value) const { kernels_.of[dtype_].fill(out, vocab_, value); }

}  // namespace tppo::cpu
