// SPDX-License-Identifier: Apache-2.0
// The losses on rows of logits as objects that take the rows in parts: all at once for a matrix of logits, chunk by chunk behind an output
// layer. What is counted over the whole call is counted in begin(), and the statistics are summed in finish() from per-token results, so
// that no bit depends on how the rows are cut.
//
// Each has
//   Loss(args, workspace)         takes its scratch; a Workspace without memory only measures
//   void begin(launch)            enqueues what must be known before the first rows: counts for the normaliser
//   void rows(launch, part)       enqueues log-probs, entropies and, where part.grad is given, gradient rows of the part's tokens
//   void finish(launch)           enqueues per-token outputs and statistics, once every token has been in a part
// args.logits, args.grad_logits and both strides are not looked at: LogitPart (row.cuh) says where the rows lie.
#pragma once

#include "row.cuh"

namespace tppo::cuda {

class TokenLogProbs {
 public:
  TokenLogProbs(const tppo_token_log_probs_args& args, Workspace& workspace);
  void begin(Launcher&) {}
  void rows(Launcher& launch, const LogitPart& part) const;
  void finish(Launcher& launch) const;

 private:
  const tppo_token_log_probs_args& a_;
  float* logprob_;
  float* entropy_;
  double* partials_;
};

class PolicyLoss {
 public:
  PolicyLoss(const tppo_policy_loss_args& args, Workspace& workspace);
  void begin(Launcher& launch);
  void rows(Launcher& launch, const LogitPart& part) const;
  void finish(Launcher& launch) const;

 private:
  const tppo_policy_loss_args& a_;
  float* logprob_;
  float* entropy_;
  double* partials_;
  double* count_partials_;
  Counted* counted_;
  int32_t* divisors_;  // valid tokens of the token's sequence; NULL: 1
  Normalizer normalizer_;
};

class NllLoss {
 public:
  NllLoss(const tppo_nll_loss_args& args, Workspace& workspace);
  void begin(Launcher& launch);
  void rows(Launcher& launch, const LogitPart& part) const;
  void finish(Launcher& launch) const;

 private:
  const tppo_nll_loss_args& a_;
  float* logprob_;
  float* entropy_;
  double* partials_;
  double* weight_partials_;
  Counted* counted_;
  Normalizer normalizer_;
};

/// Bytes that a loss on given logits needs.
template <typename Loss, typename Args>
uint64_t loss_workspace(const Args& a) {
  Workspace w;
  const Loss loss(a, w);
  return w.bytes();
}

/// TPPO_OK, or the refusal of a vocabulary that the kernels cannot index.
template <typename Args>
int32_t check_width(const char* operation, const Args& a) {
  if (a.vocab_size <= kWidestRow) return TPPO_OK;
  return fail(TPPO_UNSUPPORTED, "%s: vocab_size is %lld, CUDA offers up to %lld", operation, static_cast<long long>(a.vocab_size),
              static_cast<long long>(kWidestRow));
}

/// A loss on given logits.
template <typename Loss, typename Args>
int32_t run_loss(const char* operation, const Args& a, void* grad, int64_t grad_stride, const Call& call) {
  if (const int32_t status = check_width(operation, a)) return status;
  Launcher launch(operation, call);
  Workspace w(call);
  Loss loss(a, w);
  loss.begin(launch);
  loss.rows(launch, LogitPart{a.logits, grad, a.logits_stride, grad_stride, 0, a.num_tokens});
  loss.finish(launch);
  return launch.status();
}

}  // namespace tppo::cuda
