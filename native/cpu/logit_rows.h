// SPDX-License-Identifier: Apache-2.0
// Rows of logits: what token_log_probs, policy_loss and nll_loss share.
#pragma once

#include <cmath>

#include "../math/log_sum_exp.h"
#include "../math/policy_loss.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {

/// Rows of one task. Small, because a row of a large vocabulary is long; fixed, because partial sums are kept per task.
constexpr int64_t kRowsPerTask = 4;

/// One row after the first sweep.
struct LogitRow {
  bool bad;              // no distribution: NaN, +inf or nothing but -inf
  float logprob, entropy;  // NaN when bad
  float max;
  double s;              // sum of exp(z - max z)
  double exact_logprob, exact_entropy;  // before rounding, for the gradient
};

/// Logits of F32 or BF16 with a temperature.
class LogitRows {
 public:
  template <typename Args>
  explicit LogitRows(const Args& a)
      : kernels_(row_kernels()), logits_(static_cast<const char*>(a.logits)), bf16_(a.dtype == TPPO_BF16),
        vocab_(a.vocab_size), stride_(a.logits_stride), inverse_temperature_(1.0 / a.temperature),
        scale_(static_cast<float>(inverse_temperature_ * 1.4426950408889634)) {}

  /// Rough cost of all rows in ns, for the choice of threads.
  int64_t cost(int64_t rows) const { return rows * (vocab_ / 4 + 50); }
  double inverse_temperature() const { return inverse_temperature_; }

  LogitRow read(int64_t row, int64_t target) const;

  /// Writes the gradient row for g = d loss / d logprob and h = -d loss / d entropy. `out` may be the row itself. `next_row` >= 0 is the row
  /// to be read next.
  void write_gradient(int64_t row, const LogitRow& r, int64_t target, double g, double h, void* out, int64_t next_row) const;
  void fill(void* out, float value) const;
  /// Address of a gradient row.
  void* row_of(void* base, int64_t row, int64_t stride) const {
    return static_cast<char*>(base) + row * stride * (bf16_ ? 2 : 4);
  }

 private:
  const float* f32(int64_t row) const { return reinterpret_cast<const float*>(logits_) + row * stride_; }
  const math::bf16* bf16(int64_t row) const { return reinterpret_cast<const math::bf16*>(logits_) + row * stride_; }

  const RowKernels& kernels_;
  const char* logits_;
  bool bf16_;
  int64_t vocab_, stride_;
  double inverse_temperature_;
  float scale_;  // log2(e) / temperature
};

/// Calls row(i, next, sums) for every token with is_valid(i) and blank(i) for the others. `sums` are the task's own `width` sums, `next`
/// is the next valid token of the task or -1. partial has room for blocks_of(n, kRowsPerTask) * width and is overwritten.
template <typename Valid, typename Row, typename Blank>
void for_each_row(int64_t n, int64_t cost, double* partial, int width, Valid is_valid, Row row, Blank blank) {
  parallel(blocks_of(n, kRowsPerTask), cost, [&](int64_t task) {
    double* const sums = partial + task * width;
    for (int k = 0; k < width; ++k) sums[k] = 0.0;
    const int64_t end = (task + 1) * kRowsPerTask < n ? (task + 1) * kRowsPerTask : n;
    for (int64_t i = task * kRowsPerTask; i < end; ++i) {
      if (!is_valid(i)) {
        blank(i);
        continue;
      }
      int64_t next = i + 1;
      while (next < end && !is_valid(next)) ++next;
      row(i, next < end ? next : -1, sums);
    }
  });
}

}  // namespace tppo::cpu
