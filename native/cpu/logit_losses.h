// SPDX-License-Identifier: Apache-2.0
// The losses on rows of logits as objects that take the rows in parts: all at once for a matrix of logits, chunk by chunk behind an output
// layer. Parts come in order and begin at multiples of kMostRowsPerTask, so that the sums do not depend on how the rows are cut.
//
// Each has
//   Loss(args, workspace)              takes its scratch; a Workspace without memory only measures
//   void begin()                       counts tokens; before the first rows
//   void rows(logits, gradient, b, e)  entries [b, e) of the call's tokens
//   void finish()                      writes the statistics
#pragma once

#include "row_tasks.h"

namespace tppo::cpu {

class TokenLogProbs {
 public:
  TokenLogProbs(const tppo_token_log_probs_args& args, Workspace& workspace);
  void begin() {}
  void rows(const LogitRows& logits, const GradientRows& gradient, int64_t begin, int64_t end);
  void finish();

 private:
  const tppo_token_log_probs_args& a_;
  Tokens tokens_;
  TaskSums sums_;
};

class PolicyLoss {
 public:
  PolicyLoss(const tppo_policy_loss_args& args, Workspace& workspace);
  void begin();
  void rows(const LogitRows& logits, const GradientRows& gradient, int64_t begin, int64_t end);
  void finish();

 private:
  void row(const LogitRows& logits, RowWorker& worker, int64_t token, void* out, double* sums) const;

  const tppo_policy_loss_args& a_;
  Tokens tokens_;
  TaskSums sums_;
  RowScratch scratch_;
  double* weight_;  // 1 / valid tokens of the token's sequence, by token; NULL: 1
  double normalizer_ = 0.0, sequences_ = 0.0;
};

class NllLoss {
 public:
  NllLoss(const tppo_nll_loss_args& args, Workspace& workspace);
  void begin();
  void rows(const LogitRows& logits, const GradientRows& gradient, int64_t begin, int64_t end);
  void finish();

 private:
  double weight(int64_t token) const { return a_.weights != nullptr ? static_cast<double>(a_.weights[token]) : 1.0; }
  bool valid(int64_t k) const { return tokens_.valid(k) && weight(tokens_.token(k)) != 0.0; }

  const tppo_nll_loss_args& a_;
  Tokens tokens_;
  TaskSums sums_;
  RowScratch scratch_;
  double normalizer_ = 0.0;
};

/// Bytes that a loss on given logits needs.
template <typename Loss, typename Args>
uint64_t loss_workspace(const Args& a) {
  Workspace w;
  const Loss loss(a, w);
  return w.size();
}

/// A loss on given logits.
template <typename Loss, typename Args>
int32_t run_loss(const Args& a, const GradientRows& gradient, const Call& call) {
  Workspace w(call.workspace);
  Loss loss(a, w);
  loss.begin();
  loss.rows(LogitRows::of(a), gradient, 0, Tokens::of(a).count);
  loss.finish();
  return TPPO_OK;
}

}  // namespace tppo::cpu
