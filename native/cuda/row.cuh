// SPDX-License-Identifier: Apache-2.0
// Rows of logits: what the kernels of token_log_probs, policy_loss and nll_loss take, and the choice between them.
//
// resident_rows.cu  a row stays in the registers and the shared memory of a block, or of a cluster of blocks: read once, written once
// streaming_rows.cu one block sweeps a row twice, the second time from L2: rows that do not fit there
#pragma once

#include "row_loss.cuh"

namespace tppo::cuda {

constexpr double kLog2E = 1.4426950408889634;

/// Widest row: beyond it a column index times the threads in flight would leave 32 bits.
constexpr int64_t kWidestRow = int64_t{1} << 28;

template <typename T>
struct RowArgs {
  const T* logits;  // the row of token `first`
  T* grad;          // nullable; may be `logits`
  int64_t logits_stride, grad_stride;
  int64_t first, count;  // entries [first, first + count) of tokens
  Tokens tokens;
  const int64_t* targets;
  float* logprob;  // NaN at bad rows
  float* entropy;  // NaN at bad rows
  int width;
  float scale;  // log2(e) / temperature
  float inverse_temperature;
  bool zero_bad_rows;
};

/// How resident_rows_kernel lies on a row: a function of the row's bytes and of the kind of device, because it decides the bits of the sums.
/// blocks 0: the row does not fit.
struct ResidentPlan {
  int blocks;         // of the cluster: 1, 2, 4 or 8
  int threads;        // per block
  int shared_groups;  // that a thread keeps in shared memory
};

/// `shared_bytes`: the most that a block of the device gets.
ResidentPlan resident_plan(int64_t row_bytes, bool has_clusters, int64_t shared_bytes);

/// Enqueue one of the kernels.
void launch_resident_rows(Launcher& launch, const RowArgs<float>& a, const RowLoss& loss, const ResidentPlan& plan);
void launch_resident_rows(Launcher& launch, const RowArgs<math::bf16>& a, const RowLoss& loss, const ResidentPlan& plan);
void launch_resident_rows(Launcher& launch, const RowArgs<math::f16>& a, const RowLoss& loss, const ResidentPlan& plan);
void launch_streaming_rows(Launcher& launch, const RowArgs<float>& a, const RowLoss& loss);
void launch_streaming_rows(Launcher& launch, const RowArgs<math::bf16>& a, const RowLoss& loss);
void launch_streaming_rows(Launcher& launch, const RowArgs<math::f16>& a, const RowLoss& loss);

/// The rows of the tokens [first, end) of a call, of args.dtype. With args.rows there is one part, from 0 to num_tokens.
struct LogitPart {
  const void* logits;  // the row of token `first`
  void* grad;          // its gradient row, may be `logits`; NULL: no gradient
  int64_t logits_stride, grad_stride;
  int64_t first, end;
};

template <typename T, typename Args>
void launch_rows_as(Launcher& launch, const Args& a, const LogitPart& part, const RowLoss& loss, float* logprob, float* entropy, bool zero_bad_rows) {
  RowArgs<T> r = {};
  r.logits = static_cast<const T*>(part.logits);
  r.grad = static_cast<T*>(part.grad);
  r.logits_stride = part.logits_stride;
  r.grad_stride = part.grad_stride;
  r.first = part.first;
  r.tokens = Tokens::of(a);
  r.count = a.rows != nullptr ? a.num_rows : part.end - part.first;
  r.targets = a.targets;
  r.logprob = logprob;
  r.entropy = entropy;
  r.width = static_cast<int>(a.vocab_size);
  r.scale = static_cast<float>(kLog2E / a.temperature);
  r.inverse_temperature = static_cast<float>(1.0 / a.temperature);
  r.zero_bad_rows = zero_bad_rows;
  if (r.count == 0) return;
  const ResidentPlan plan = resident_plan(a.vocab_size * static_cast<int64_t>(sizeof(T)), launch.has_clusters(), launch.most_shared_bytes());
  if (plan.blocks > 0)
    launch_resident_rows(launch, r, loss, plan);
  else
    launch_streaming_rows(launch, r, loss);
}

/// Enqueues the kernel for a part of a call's rows. Log-probs and entropies go to logprob[token] and entropy[token].
template <typename Args>
void launch_rows(Launcher& launch, const Args& a, const LogitPart& part, const RowLoss& loss, float* logprob, float* entropy, bool zero_bad_rows) {
  if (a.dtype == TPPO_BF16)
    launch_rows_as<math::bf16>(launch, a, part, loss, logprob, entropy, zero_bad_rows);
  else if (a.dtype == TPPO_F16)
    launch_rows_as<math::f16>(launch, a, part, loss, logprob, entropy, zero_bad_rows);
  else
    launch_rows_as<float>(launch, a, part, loss, logprob, entropy, zero_bad_rows);
}

}  // namespace tppo::cuda
