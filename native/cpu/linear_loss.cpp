// SPDX-License-Identifier: Apache-2.0
// The output layer and a loss behind it, chunk by chunk: logits of a chunk, the loss turns them into their gradient in place, and two more
// products carry that to the hidden states and the matrix.
#include "cpu_backend.h"
#include "logit_losses.h"

namespace tppo::cpu {
namespace {

/// Logits in a chunk when the caller does not say: 8 MB.
constexpr int64_t kChunkLogits = 2 << 20;
constexpr int64_t kChunkMultiple = 16;

template <typename Args>
int64_t chunk_tokens(const LinearArgs<Args>& a) {
  int64_t tokens = a.linear.chunk_tokens > 0 ? a.linear.chunk_tokens : kChunkLogits / a.loss.vocab_size;
  tokens = (tokens + kChunkMultiple - 1) / kChunkMultiple * kChunkMultiple;
  const int64_t all = (a.loss.num_tokens + kChunkMultiple - 1) / kChunkMultiple * kChunkMultiple;
  tokens = tokens < kChunkMultiple ? kChunkMultiple : tokens;
  return tokens < all ? tokens : all;
}

template <typename T>
struct Matrices {
  const tppo_linear_args& a;
  int64_t vocab;
  const uint8_t* mask;

  float hidden(int64_t i, int64_t h) const {
    return valid(mask, i) ? math::to_float(static_cast<const T*>(a.hidden)[i * a.hidden_stride + h]) : 0.0f;
  }
  float weight(int64_t v, int64_t h) const { return math::to_float(static_cast<const T*>(a.weight)[v * a.hidden_size + h]); }

  void logits(int64_t first, int64_t end, float* out) const {
    for (int64_t i = first; i < end; ++i)
      for (int64_t v = 0; v < vocab; ++v) {
        float sum = 0.0f;
        for (int64_t h = 0; h < a.hidden_size; ++h) sum += hidden(i, h) * weight(v, h);
        out[(i - first) * vocab + v] = sum;
      }
  }
  void hidden_gradient(int64_t first, int64_t end, const float* gradient) const {
    for (int64_t i = first; i < end; ++i)
      for (int64_t h = 0; h < a.hidden_size; ++h) {
        float sum = 0.0f;
        for (int64_t v = 0; v < vocab; ++v) sum += gradient[(i - first) * vocab + v] * weight(v, h);
        math::store(static_cast<T*>(a.grad_hidden) + i * a.hidden_stride + h, sum);
      }
  }
  void weight_gradient(int64_t first, int64_t end, const float* gradient) const {
    for (int64_t v = 0; v < vocab; ++v)
      for (int64_t h = 0; h < a.hidden_size; ++h) {
        float sum = 0.0f;
        for (int64_t i = first; i < end; ++i) sum += gradient[(i - first) * vocab + v] * hidden(i, h);
        a.grad_weight[v * a.hidden_size + h] += sum;
      }
  }
};

template <typename Loss, typename Args>
uint64_t size(const LinearArgs<Args>& a) {
  Workspace w;
  w.take<float>(chunk_tokens(a) * a.loss.vocab_size);
  const Loss loss(a.loss, w);
  return w.size();
}

template <typename T, typename Loss, typename Args>
void run(const LinearArgs<Args>& a, const Call& call) {
  const int64_t vocab = a.loss.vocab_size, chunk = chunk_tokens(a);
  Workspace w(call.workspace);
  float* const logits = w.take<float>(chunk * vocab);
  Loss loss(a.loss, w);
  loss.begin();
  const Matrices<T> matrices{a.linear, vocab, a.loss.mask};
  const bool backward = a.linear.grad_hidden != nullptr || a.linear.grad_weight != nullptr;
  for (int64_t first = 0; first < a.loss.num_tokens; first += chunk) {
    const int64_t end = first + chunk < a.loss.num_tokens ? first + chunk : a.loss.num_tokens;
    matrices.logits(first, end, logits);
    loss.rows(LogitRows(logits, TPPO_F32, vocab, vocab, a.loss.temperature, first), GradientRows{backward ? logits : nullptr, vocab, first}, first, end);
    if (a.linear.grad_hidden != nullptr) matrices.hidden_gradient(first, end, logits);
    if (a.linear.grad_weight != nullptr) matrices.weight_gradient(first, end, logits);
  }
  loss.finish();
}

template <typename Loss, typename Args>
int32_t run_dtype(const LinearArgs<Args>& a, const Call& call) {
  if (a.loss.dtype == TPPO_F32)
    run<float, Loss>(a, call);
  else if (a.loss.dtype == TPPO_BF16)
    run<math::bf16, Loss>(a, call);
  else
    run<math::f16, Loss>(a, call);
  return TPPO_OK;
}

}  // namespace

uint64_t linear_token_log_probs_workspace(const LinearArgs<tppo_token_log_probs_args>& a, int32_t) { return size<TokenLogProbs>(a); }
int32_t linear_token_log_probs(const LinearArgs<tppo_token_log_probs_args>& a, const Call& call) { return run_dtype<TokenLogProbs>(a, call); }

uint64_t linear_policy_loss_workspace(const LinearArgs<tppo_policy_loss_args>& a, int32_t) { return size<PolicyLoss>(a); }
int32_t linear_policy_loss(const LinearArgs<tppo_policy_loss_args>& a, const Call& call) { return run_dtype<PolicyLoss>(a, call); }

uint64_t linear_nll_loss_workspace(const LinearArgs<tppo_nll_loss_args>& a, int32_t) { return size<NllLoss>(a); }
int32_t linear_nll_loss(const LinearArgs<tppo_nll_loss_args>& a, const Call& call) { return run_dtype<NllLoss>(a, call); }

}  // namespace tppo::cpu
