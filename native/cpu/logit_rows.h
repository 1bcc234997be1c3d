// SPDX-License-Identifier: Apache-2.0
// Rows of logits: what token_log_probs, policy_loss and nll_loss share.
#pragma once

#include <algorithm>
#include <cmath>

#include "../math/log_sum_exp.h"
#include "../math/policy_loss.h"
#include "../status.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {

/// Most rows of one task, a multiple of the rows of every task; and about how many logits it has where rows are long.
constexpr int64_t kMostRowsPerTask = 16;
constexpr int64_t kLogitsPerTask = 65536;

/// Partial sums of the tasks of a call, from which its statistics come in the order of the tasks. How many rows a task has depends on nothing but
/// the vocabulary: where they are long it is fewer of them, so that the workers end nearly together.
class TaskSums {
 public:
  TaskSums(int64_t vocab, int64_t entries, int width, Workspace& workspace)
      : width_(width), rows_(rows_of(vocab)), sums_(workspace.take<double>(blocks_of(entries, rows_) * width)) {}

  int64_t rows() const { return rows_; }
  /// The sums of a task, all 0.
  double* start(int64_t task) const {
    double* const sums = sums_ + task * width_;
    std::fill(sums, sums + width_, 0.0);
    return sums;
  }
  /// stats[width] of the first `entries` entries.
  void total(int64_t entries, double* stats) const { add_blocks(sums_, blocks_of(entries, rows_), width_, stats); }

 private:
  static int64_t rows_of(int64_t vocab) {
    int64_t rows = kMostRowsPerTask;
    while (rows > 1 && rows * vocab > kLogitsPerTask) rows /= 2;
    return rows;
  }

  int width_;
  int64_t rows_;
  double* sums_;
};

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

/// The tokens that a call handles: all of them under a mask, or those of a row list.
struct Tokens {
  const uint8_t* mask;
  const int32_t* rows;
  int64_t count;

  template <typename Args>
  static Tokens of(const Args& a) {
    return Tokens{a.mask, a.rows, a.rows != nullptr ? a.num_rows : a.num_tokens};
  }
  /// What the size query sees: rows itself may come later.
  template <typename Args>
  static int64_t most(const Args& a) {
    return a.num_rows > 0 ? a.num_rows : a.num_tokens;
  }

  int64_t token(int64_t k) const { return rows != nullptr ? rows[k] : k; }
  bool valid(int64_t k) const { return rows != nullptr || mask == nullptr || mask[k] != 0; }
};

/// For the entries [begin, end) of `tokens`, begin a multiple of kMostRowsPerTask: calls row(worker, token, sums) where is_valid(k) holds and
/// blank(token) elsewhere. `sums` are those of the task, from all_sums.
template <typename Valid, typename Row, typename Blank>
void for_each_row(const Tokens& tokens, int64_t begin, int64_t end, int64_t cost, const TaskSums& all_sums, Valid is_valid, Row row, Blank blank) {
  const int64_t first_task = begin / all_sums.rows();
  parallel_sources(blocks_of(end, all_sums.rows()) - first_task, cost, [&](TaskSource& source) {
    struct Task {
      int64_t begin, end, first_valid;  // first_valid < 0: there is no task left
      double* sums;
    };
    // -1 where none is valid.
    const auto first_valid = [&](int64_t i, int64_t stop) {
      while (i < stop && !is_valid(i)) ++i;
      return i < stop ? i : -1;
    };
    // Tasks without a valid row are done on the way, so that the worker's rows follow one another without a gap.
    const auto next_task = [&] {
      for (int64_t k; (k = source.next()) >= 0;) {
        Task task{(first_task + k) * all_sums.rows(), std::min((first_task + k + 1) * all_sums.rows(), end), -1, all_sums.start(first_task + k)};
        task.first_valid = first_valid(task.begin, task.end);
        if (task.first_valid >= 0) return task;
        for (int64_t i = task.begin; i < task.end; ++i) blank(tokens.token(i));
      }
      return Task{0, 0, -1, nullptr};
    };
    RowWorker worker{source.worker()};
    for (Task task = next_task(), following{}; task.first_valid >= 0; task = following) {
      for (int64_t i = task.begin, valid = task.first_valid; i < task.end; ++i) {
        if (i != valid) {
          blank(tokens.token(i));
          continue;
        }
        valid = first_valid(i + 1, task.end);
        if (valid < 0) following = next_task();
        const int64_t next = valid >= 0 ? valid : following.first_valid;
        worker.next = next >= 0 ? tokens.token(next) : -1;
        row(worker, tokens.token(i), task.sums);
      }
    }
  });
}

}  // namespace tppo::cpu
