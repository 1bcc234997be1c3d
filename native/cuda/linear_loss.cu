// SPDX-License-Identifier: Apache-2.0
// The output layer and a loss behind it, chunk by chunk: logits of a chunk, the loss turns them into their gradient in place, and two more
// products carry that to the hidden states and the matrix. Recomputing the logits instead of keeping a chunk of them would be a fourth
// product, which costs more than the chunk's way through memory.
#include "gemm.cuh"
#include "logit_losses.cuh"

namespace tppo::cuda {
namespace {

/// A chunk when the caller does not say: as many tokens as have this many bytes of logits, but at most kMostTokens. Large, since each chunk
/// reads and writes the whole gradient of the matrix; beyond some thousand tokens that is no longer felt.
constexpr int64_t kChunkBytes = int64_t{512} << 20;
constexpr int64_t kMostTokens = 4096;
constexpr int64_t kChunkMultiple = 16;
/// Tokens in a tile of the matrix products: a default chunk that is not small is a multiple of it.
constexpr int64_t kTileTokens = 128;

template <typename Args>
int64_t chunk_tokens(const LinearArgs<Args>& a) {
  int64_t tokens = a.linear.chunk_tokens;
  if (tokens == 0) {
    tokens = kChunkBytes / element_bytes(a.loss.dtype) / a.loss.vocab_size;
    tokens = tokens > kMostTokens ? kMostTokens : tokens < kChunkMultiple ? kChunkMultiple : tokens;
    tokens -= tokens % (tokens > kTileTokens ? kTileTokens : kChunkMultiple);
  }
  // Not rounded up where that would overflow: such a chunk holds all tokens anyway.
  if (tokens > a.loss.num_tokens) tokens = a.loss.num_tokens;
  return (tokens + kChunkMultiple - 1) / kChunkMultiple * kChunkMultiple;
}

/// Elements from row to row of a matrix in the workspace, whose rows lie on 16-byte boundaries.
template <typename T>
int64_t padded(int64_t width) {
  constexpr int64_t kCount = 16 / static_cast<int64_t>(sizeof(T));
  return (width + kCount - 1) / kCount * kCount;
}

template <typename Args>
CountedRows counted_rows(const Args& a) {
  return CountedRows{a.mask, nullptr};
}
CountedRows counted_rows(const tppo_nll_loss_args& a) { return CountedRows{a.mask, a.weights}; }

constexpr int kCopyThreads = 256;

/// Copies rows, one block a row; rows that do not count become 0 and are not read.
template <typename T>
__global__ void __launch_bounds__(kCopyThreads) copy_rows_kernel(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t width,
                                                                 CountedRows rows) {
  const int64_t row = blockIdx.x;
  const bool counts = rows(row);
  from += row * from_stride;
  to += row * to_stride;
  for (int64_t i = threadIdx.x; i < width; i += kCopyThreads) to[i] = counts ? from[i] : T{};
}

/// Depends on the shapes alone (and on whether cuBLASLt is in use).
template <typename T, typename Loss>
struct Scratch {
  int64_t hidden_stride, logits_stride;
  T* hidden;
  T* logits;
  char* products;  // what the matrix products need
  Loss loss;

  template <typename Args>
  Scratch(const LinearArgs<Args>& a, Workspace& w)
      : hidden_stride(padded<T>(a.linear.hidden_size)), logits_stride(padded<T>(a.loss.vocab_size)),
        hidden(w.take<T>(chunk_tokens(a) * hidden_stride)), logits(w.take<T>(chunk_tokens(a) * logits_stride)),
        products(w.take<char>(static_cast<int64_t>(gemm_scratch_bytes()))), loss(a.loss, w) {}
};

/// Products and loss of the tokens [first, end).
template <typename T, typename Loss, typename Args>
void run_chunk(Launcher& launch, const LinearArgs<Args>& a, const Scratch<T, Loss>& s, int64_t first, int64_t end) {
  const tppo_linear_args& l = a.linear;
  const int64_t tokens = end - first, width = l.hidden_size, vocab = a.loss.vocab_size;
  const T* const weight = static_cast<const T*>(l.weight);
  const CountedRows rows = counted_rows(a.loss).from(first);
  launch(copy_rows_kernel<T>, Grid{tokens, kCopyThreads, 0}, static_cast<const T*>(l.hidden) + first * l.hidden_stride, l.hidden_stride, s.hidden,
         s.hidden_stride, width, rows);
  gemm(launch, Product::kLogits, Gemm<T>{s.hidden, s.hidden_stride, weight, width, s.logits, s.logits_stride, tokens, vocab, width, {}},
       s.products);
  const bool backward = l.grad_hidden != nullptr || l.grad_weight != nullptr;
  s.loss.rows(launch, LogitPart{s.logits, backward ? s.logits : nullptr, s.logits_stride, s.logits_stride, first, end});
  if (l.grad_hidden != nullptr) {
    T* const grad = static_cast<T*>(l.grad_hidden) + first * l.hidden_stride;
    gemm(launch, Product::kHiddenGrad, Gemm<T>{s.logits, s.logits_stride, weight, width, grad, l.hidden_stride, tokens, width, vocab, rows},
         s.products);
  }
  if (l.grad_weight != nullptr)
    gemm(launch, Product::kWeightGrad,
         Gemm<T>{s.logits, s.logits_stride, s.hidden, s.hidden_stride, l.grad_weight, width, vocab, width, tokens, {}},
         s.products);
}

template <typename T, typename Loss, typename Args>
uint64_t size(const LinearArgs<Args>& a) {
  Workspace w;
  const Scratch<T, Loss> scratch(a, w);
  return w.bytes();
}

template <typename T, typename Loss, typename Args>
int32_t run(const char* operation, const LinearArgs<Args>& a, const Call& call) {
  Launcher launch(operation, call);
  Workspace w(call);
  Scratch<T, Loss> scratch(a, w);
  scratch.loss.begin(launch);
  const int64_t chunk = chunk_tokens(a);
  for (int64_t first = 0; first < a.loss.num_tokens; first += chunk)
    run_chunk(launch, a, scratch, first, first + chunk < a.loss.num_tokens ? first + chunk : a.loss.num_tokens);
  scratch.loss.finish(launch);
  return launch.status();
}

template <typename Loss, typename Args>
uint64_t size_dtype(const LinearArgs<Args>& a) {
  // The two 16-bit types differ in nothing that has a size.
  return a.loss.dtype == TPPO_F32 ? size<float, Loss>(a) : size<math::bf16, Loss>(a);
}

template <typename Loss, typename Args>
int32_t run_dtype(const char* operation, const LinearArgs<Args>& a, const Call& call) {
  if (const int32_t status = check_width(operation, a.loss)) return status;
  if (a.loss.dtype == TPPO_F32) return run<float, Loss>(operation, a, call);
  return a.loss.dtype == TPPO_BF16 ? run<math::bf16, Loss>(operation, a, call) : run<math::f16, Loss>(operation, a, call);
}

}  // namespace

uint64_t linear_token_log_probs_workspace(const LinearArgs<tppo_token_log_probs_args>& a, int32_t) { return size_dtype<TokenLogProbs>(a); }
int32_t linear_token_log_probs(const LinearArgs<tppo_token_log_probs_args>& a, const Call& call) {
  return run_dtype<TokenLogProbs>("tppo_linear_token_log_probs", a, call);
}

uint64_t linear_policy_loss_workspace(const LinearArgs<tppo_policy_loss_args>& a, int32_t) { return size_dtype<PolicyLoss>(a); }
int32_t linear_policy_loss(const LinearArgs<tppo_policy_loss_args>& a, const Call& call) {
  return run_dtype<PolicyLoss>("tppo_linear_policy_loss", a, call);
}

uint64_t linear_nll_loss_workspace(const LinearArgs<tppo_nll_loss_args>& a, int32_t) { return size_dtype<NllLoss>(a); }
int32_t linear_nll_loss(const LinearArgs<tppo_nll_loss_args>& a, const Call& call) {
  return run_dtype<NllLoss>("tppo_linear_nll_loss", a, call);
}

}  // namespace tppo::cuda
