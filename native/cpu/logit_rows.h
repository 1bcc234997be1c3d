// SPDX-License-Identifier: Apache-2.0
// One row of logits at a time: what token_log_probs, policy_loss, nll_loss and sample_tokens share. row_tasks.h gives the rows to workers.
#pragma once

#include <cmath>

#include "../math/log_sum_exp.h"
#include "../math/policy_loss.h"
#include "../status.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {

/// One row after the first sweep.
struct LogitRow {
  bool bad;              // no distribution: NaN, +inf or nothing but -inf
  float logprob, entropy;  // NaN when bad
  float max;
  double s;              // sum of exp(z - max z)
  double exact_logprob, exact_entropy;  // before rounding, for the gradient
  const float* e;                       // what the first sweep kept for the gradient, NULL if nothing
  const float* references;
  bool extreme;  // see RowSums
};

/// Scratch of the workers for rows whose gradient is wanted: the exponentials where they cannot lie in the gradient row, and the references.
class RowScratch {
 public:
  RowScratch(int64_t vocab, Workspace& workspace)
      : exponentials_(row_exponentials(vocab)), floats_(exponentials_ + (row_references(vocab) + 15) / 16 * 16),
        base_(workspace.take<float>(floats_ * most_workers())) {}
  float* exponentials(int32_t worker) const { return base_ + worker * floats_; }
  float* references(int32_t worker) const { return exponentials(worker) + exponentials_; }

 private:
  int64_t exponentials_, floats_;
  float* base_;
};

/// Where a worker is among its rows.
struct RowWorker {
  int32_t index;
  int64_t next = -1;  // the valid token after the one at hand, -1 after the last one

  /// A gradient row is written beside the first sweep over the row that comes next; until then it is due.
  bool due = false;
  GradientRow row{};
  int64_t target = 0;
  float at_target = 0.0f;
};

/// Rows of logits with a temperature, of F32, BF16 or F16. The row of a token is slots[token], or the token itself where slots is NULL.
class LogitRows {
 public:
  LogitRows(const void* logits, int32_t dtype, int64_t vocab, int64_t stride, double temperature, const int64_t* slots = nullptr)
      : kernels_(row_kernels()), logits_(static_cast<const char*>(logits)), dtype_(dtype), vocab_(vocab), stride_(stride), slots_(slots),
        inverse_temperature_(1.0 / temperature), scale_(static_cast<float>(inverse_temperature_ * 1.4426950408889634)) {}

  /// All the logits of a call.
  template <typename Args>
  static LogitRows of(const Args& a) {
    return LogitRows(a.logits, a.dtype, a.vocab_size, a.logits_stride, a.temperature);
  }

  /// Rough cost of all rows in ns, for the choice of threads.
  int64_t cost(int64_t rows) const { return rows * (vocab_ / 4 + 50); }

  /// Forward only.
  LogitRow read(int64_t token, int64_t target) const;
  /// The same, with what the second sweep needs; the logits may be gone afterwards if `out`, the row for the gradient or NULL, is their own.
  /// by_entropy: the gradient will depend on the entropy. Writes the gradient row that is due.
  LogitRow read(int64_t token, int64_t target, bool by_entropy, void* out, const RowScratch& scratch, RowWorker& worker) const;
  /// The same, for `probabilities`.
  LogitRow read(int64_t token, int64_t target, const RowScratch& scratch, int32_t worker) const;

  /// The gradient row for g = d loss / d logprob and h = -d loss / d entropy, of the row that was read last. It is written when the worker's
  /// next row is read, at once after the last. `out` may be the row itself.
  void write_gradient(int64_t token, const LogitRow& r, int64_t target, double g, double h, void* out, RowWorker& worker) const;
  /// The log-probability of a token with this logit, from a row that is not bad.
  float logprob(const LogitRow& r, float logit) const;
  /// Turns the exponentials that the first sweep kept into probabilities, in float32; `out` may be where they lie.
  void probabilities(const LogitRow& r, float* out) const;
  /// Writes `value` to a whole gradient row.
  void fill(void* out, float value) const;

  int32_t dtype() const { return dtype_; }

 private:
  LogitRow row_of(const RowSums& sums, float at_target) const;
  LogitRow keep(int64_t token, int64_t target, float* e, float* references, int64_t next, const GradientRow* behind) const;
  void write_due(RowWorker& worker) const;
  void write_target(RowWorker& worker) const;
  const void* row(int64_t token) const { return logits_ + (slots_ != nullptr ? slots_[token] : token) * stride_ * element_bytes(dtype_); }

  const RowKernels& kernels_;
  const char* logits_;
  int32_t dtype_;
  int64_t vocab_, stride_;
  const int64_t* slots_;
  double inverse_temperature_;
  float scale_;  // log2(e) / temperature
};

/// Where gradient rows go, in the dtype of the logits: row slots[token], or row token where slots is NULL. None for a slot of -1, and none
/// at all when base is NULL.
struct GradientRows {
  void* base;
  int64_t stride;
  const int64_t* slots = nullptr;

  void* row(int64_t token, int32_t dtype) const {
    const int64_t r = slots != nullptr ? slots[token] : token;
    return base == nullptr || r < 0 ? nullptr : static_cast<char*>(base) + r * stride * element_bytes(dtype);
  }
};

}  // namespace tppo::cpu
