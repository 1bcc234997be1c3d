// SPDX-License-Identifier: Apache-2.0
// The output layer and a loss behind it, chunk by chunk: hidden states of the tokens that count are gathered, their logits computed, turned
// into their gradient in place by the loss, and carried to the hidden states and the matrix by two more products. Tokens that do not count
// have no logits, so the cost follows those that do.
#include <algorithm>

#include "cpu_backend.h"
#include "gemm.h"
#include "logit_losses.h"

namespace tppo::cpu {
namespace {

/// Floats of a chunk when the caller does not say: 32 MB. But every chunk reads the whole matrix twice and its gradient once, which takes
/// kFewestTokens to pay off.
constexpr int64_t kChunkFloats = 8 << 20;
constexpr int64_t kFewestTokens = 256;
constexpr int64_t kChunkMultiple = 16;
/// Hidden states gathered or scattered by one task.
constexpr int64_t kTokensPerTask = 16;

int64_t round_up(int64_t n, int64_t multiple) { return blocks_of(n, multiple) * multiple; }

/// Tokens whose logits exist at a time.
template <typename Args>
int64_t chunk_tokens(const LinearArgs<Args>& a) {
  int64_t tokens = a.linear.chunk_tokens;
  if (tokens == 0) tokens = std::max(kFewestTokens, kChunkFloats / (a.loss.vocab_size + 2 * a.linear.hidden_size));
  return round_up(std::min(tokens, a.loss.num_tokens), kChunkMultiple);
}

template <typename Args>
const float* weights(const Args&) { return nullptr; }
const float* weights(const tppo_nll_loss_args& a) { return a.weights; }

template <typename Args>
bool backward(const LinearArgs<Args>& a) { return a.linear.grad_hidden != nullptr || a.linear.grad_weight != nullptr; }

/// What the workspace holds. The size query may come before the gradients are given, so there is always room for them.
template <typename Loss, typename Args>
struct Scratch {
  int64_t chunk;
  int64_t* slots;  // by token: its row in the chunk, -1 where it does not count
  FloatRows hidden;  // hidden states; later their gradient
  FloatRows logits;  // logits; later their gradient
  float* panels;     // the hidden states once more
  Loss loss;

  Scratch(const LinearArgs<Args>& a, Workspace& w)
      : chunk(chunk_tokens(a)), slots(w.take<int64_t>(a.loss.num_tokens)), hidden(rows(w, a.linear.hidden_size)),
        logits(rows(w, a.loss.vocab_size)), panels(w.take<float>(Panels::floats(chunk, a.linear.hidden_size))), loss(a.loss, w) {}

  FloatRows rows(Workspace& w, int64_t width) const {
    const int64_t stride = FloatRows::stride_of(width);
    return FloatRows{w.take<float>(chunk * stride), stride};
  }
};

template <typename T, typename Loss, typename Args>
class Run {
 public:
  Run(const LinearArgs<Args>& args, Workspace& w)
      : a_(args), s_(args, w),
        layer_{gemm_kernels(), args.linear.weight, args.loss.dtype, args.loss.vocab_size, args.linear.hidden_size} {}

  void operator()() {
    s_.loss.begin();
    for (int64_t first = 0; first < a_.loss.num_tokens;) {
      const Part part = next(first);
      chunk(part);
      first = part.end;
    }
    s_.loss.finish();
  }

 private:
  /// Tokens [begin, end), of which `rows` count.
  struct Part {
    int64_t begin, end, rows;
  };

  bool counts(int64_t i) const {
    const float* const w = weights(a_.loss);
    return valid(a_.loss.mask, i) && (w == nullptr || w[i] != 0.0f);
  }

  /// As many tokens from `begin` on as a chunk has rows for, in whole tasks of the loss.
  Part next(int64_t begin) const {
    Part p{begin, begin, 0};
    while (p.end < a_.loss.num_tokens) {
      const int64_t end = std::min(p.end + kMostRowsPerTask, a_.loss.num_tokens);
      int64_t rows = p.rows;
      for (int64_t i = p.end; i < end; ++i) s_.slots[i] = counts(i) ? rows++ : -1;
      if (rows > s_.chunk) break;
      p.end = end;
      p.rows = rows;
    }
    return p;
  }

  void chunk(const Part& part) {
    const bool with_gradient = backward(a_);
    const Panels panels{layer_, s_.hidden, part.rows, s_.panels};
    if (part.rows > 0) {
      gather(part);
      const LogitProduct product{layer_, s_.hidden, s_.logits, part.rows};
      const int64_t packing = a_.linear.grad_weight != nullptr ? panels.tasks() : 0;
      parallel(packing + product.tasks(), layer_.cost(part.rows),
               [&](int64_t k) { k < packing ? panels.run(k) : product.run(k - packing); });
    }
    s_.loss.rows(LogitRows(s_.logits.data, TPPO_F32, layer_.vocab, s_.logits.stride, a_.loss.temperature, s_.slots),
                 GradientRows{with_gradient ? s_.logits.data : nullptr, s_.logits.stride, s_.slots}, part.begin, part.end);
    if (with_gradient && part.rows > 0) {
      const HiddenProduct to_hidden{layer_, s_.logits, s_.hidden, part.rows};
      const WeightProduct to_weight{layer_, s_.logits, panels, a_.linear.grad_weight};
      // The first are fewer and longer; the others fill what they leave.
      const int64_t hidden_tasks = a_.linear.grad_hidden != nullptr ? to_hidden.tasks() : 0;
      const int64_t weight_tasks = a_.linear.grad_weight != nullptr ? to_weight.tasks() : 0;
      parallel(hidden_tasks + weight_tasks, layer_.cost(part.rows),
               [&](int64_t k) { k < hidden_tasks ? to_hidden.run(k) : to_weight.run(k - hidden_tasks); });
    }
    if (a_.linear.grad_hidden != nullptr) scatter(part);
  }

  /// Calls f(token) for all tokens of the part.
  template <typename F>
  void for_each_token(const Part& part, F f) const {
    const int64_t count = part.end - part.begin;
    parallel(blocks_of(count, kTokensPerTask), count * layer_.hidden / 4, [&](int64_t task) {
      const int64_t first = part.begin + task * kTokensPerTask, end = std::min(first + kTokensPerTask, part.end);
      for (int64_t i = first; i < end; ++i) f(i);
    });
  }

  void gather(const Part& part) const {
    for_each_token(part, [&](int64_t i) {
      if (s_.slots[i] < 0) return;
      const T* const from = static_cast<const T*>(a_.linear.hidden) + i * a_.linear.hidden_stride;
      float* const to = s_.hidden.row(s_.slots[i]);
      for (int64_t h = 0; h < layer_.hidden; ++h) to[h] = math::to_float(from[h]);
    });
  }

  void scatter(const Part& part) const {
    for_each_token(part, [&](int64_t i) {
      T* const to = static_cast<T*>(a_.linear.grad_hidden) + i * a_.linear.hidden_stride;
      const float* const from = s_.slots[i] >= 0 ? s_.hidden.row(s_.slots[i]) : nullptr;
      for (int64_t h = 0; h < layer_.hidden; ++h) math::store(to + h, from != nullptr ? from[h] : 0.0f);
    });
  }

  const LinearArgs<Args>& a_;
  Scratch<Loss, Args> s_;
  const OutputLayer layer_;
};

template <typename Loss, typename Args>
uint64_t size(const LinearArgs<Args>& a) {
  Workspace w;
  const Scratch<Loss, Args> scratch(a, w);
  return w.size();
}

template <typename Loss, typename Args>
int32_t run(const LinearArgs<Args>& a, const Call& call) {
  Workspace w(call.workspace);
  if (a.loss.dtype == TPPO_F32)
    Run<float, Loss, Args>(a, w)();
  else if (a.loss.dtype == TPPO_BF16)
    Run<math::bf16, Loss, Args>(a, w)();
  else
    Run<math::f16, Loss, Args>(a, w)();
  return TPPO_OK;
}

}  // namespace

uint64_t linear_token_log_probs_workspace(const LinearArgs<tppo_token_log_probs_args>& a, int32_t) { return size<TokenLogProbs>(a); }
int32_t linear_token_log_probs(const LinearArgs<tppo_token_log_probs_args>& a, const Call& call) { return run<TokenLogProbs>(a, call); }

uint64_t linear_policy_loss_workspace(const LinearArgs<tppo_policy_loss_args>& a, int32_t) { return size<PolicyLoss>(a); }
int32_t linear_policy_loss(const LinearArgs<tppo_policy_loss_args>& a, const Call& call) { return run<PolicyLoss>(a, call); }

uint64_t linear_nll_loss_workspace(const LinearArgs<tppo_nll_loss_args>& a, int32_t) { return size<NllLoss>(a); }
int32_t linear_nll_loss(const LinearArgs<tppo_nll_loss_args>& a, const Call& call) { return run<NllLoss>(a, call); }

}  // namespace tppo::cpu
