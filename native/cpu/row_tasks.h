// SPDX-License-Identifier: Apache-2.0
// Rows of logits divided among workers: which tokens have one, tasks of rows, and their partial sums.
#pragma once

#include <algorithm>

#include "logit_rows.h"
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
