// SPDX-License-Identifier: Apache-2.0
#include "../math/shape_rewards.h"

#include <algorithm>
#include <cmath>

#include "cpu_backend.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kChunk = 256;  // tokens whose factors exist at a time

/// lwp at the first positions: all sequences ask for the same ones.
class LengthWeights {
 public:
  static int64_t most(const tppo_shape_rewards_args& a) { return std::min<int64_t>(a.num_tokens, 4096); }

  /// `table` has room for most(a).
  LengthWeights(const tppo_shape_rewards_args& a, const Sequences& sequences, double* table) : a_(a), table_(table) {
    int64_t longest = 0;
    for (int64_t b = 0; b < sequences.count; ++b) longest = std::max(longest, sequences.end(b) - sequences.begin(b));
    for (const int64_t count = std::min(longest, most(a)); count_ < count; ++count_) table[count_] = weight(count_ + 1);
  }

  double at(int64_t position) const { return position >= 1 && position <= count_ ? table_[position - 1] : weight(position); }
  /// Those of `n` positions from `first` >= 1 on, NULL where it does not hold them.
  const double* from(int64_t first, int64_t n) const { return first + n - 1 <= count_ ? table_ + first - 1 : nullptr; }

 private:
  double weight(int64_t position) const {
    return a_.length_penalty != 0 ? math::length_weight<double>(a_.alpha, static_cast<double>(position), a_.suggested_length, a_.length_offset) : 1.0;
  }

  const tppo_shape_rewards_args& a_;
  const double* const table_;
  int64_t count_ = 0;  // positions 1, 2, ... that it holds
};

/// How many of the n positions from `first` on are larger than `length`.
int64_t beyond(int64_t first, int64_t n, double length) {
  if (!(length < static_cast<double>(first + n - 1))) return 0;
  return length < static_cast<double>(first) ? n : first + n - 1 - static_cast<int64_t>(std::floor(length));
}

/// One sequence. Its valid tokens are taken kChunk at a time, so that the order of the sums, and with it their bits, does not depend on the masked
/// ones among them.
class Shaping {
 public:
  Shaping(const tppo_shape_rewards_args& a, const LengthWeights& weights, double* stats) : a_(a), weights_(weights), stats_(stats) {
    std::fill(stats, stats + TPPO_SHAPE_REWARDS_STATS, 0.0);
  }

  void operator()(int64_t begin, int64_t end, const float* terminal) {
    int64_t valid_end = end;
    while (valid_end > begin && !valid(a_.mask, valid_end - 1)) --valid_end;
    clear(valid_end, end);
    for (int64_t i = begin; i < valid_end;) {
      const int64_t n = std::min(kChunk, valid_end - i);
      if (valid_tokens(a_.mask != nullptr ? a_.mask + i : nullptr, n) == n) {
        i += n;
        shape(i - n, n, i == valid_end ? terminal : nullptr);
      } else {
        const int64_t count = gather(i, valid_end);
        shape(-1, count, i == valid_end ? terminal : nullptr);
      }
    }
  }

 private:
  /// Collects the next kChunk valid tokens from i on, or those that are left, and moves i behind them.
  int64_t gather(int64_t& i, int64_t end) {
    int64_t count = 0;
    for (; i < end && count < kChunk; ++i) {
      if (!valid(a_.mask, i)) {
        clear(i, i + 1);
        continue;
      }
      if (a_.scores != nullptr) scores_[count] = a_.scores[i];
      if (a_.logprobs != nullptr) logprobs_[count] = a_.logprobs[i], ref_[count] = a_.ref_logprobs[i];
      at_[count++] = i;
    }
    return count;
  }

  /// The n valid tokens from `first` on, or those gathered where it is -1.
  void shape(int64_t first, int64_t n, const float* terminal) {
    const bool gathered = first < 0;
    const auto at = [&](int64_t k) { return gathered ? at_[k] : first + k; };
    const auto in = [&](const float* array, const float* copy) { return array == nullptr ? nullptr : gathered ? copy : array + first; };
    TokensToShape t{};
    t.count = n;
    t.lwp = lwp(at, n);
    t.scores = in(a_.scores, scores_);
    t.logprobs = in(a_.logprobs, logprobs_);
    t.ref_logprobs = in(a_.ref_logprobs, ref_);
    if (a_.classes != nullptr) {
      for (int64_t k = 0; k < n; ++k) class_scores_[k] = a_.class_values[a_.classes[at(k)]];
      t.class_scores = class_scores_;
    }
    if (a_.logprobs != nullptr && a_.kl_estimator == TPPO_KL_K3) {
      for (int64_t k = 0; k < n; ++k) kl_[k] = math::kl_k3(math::log_ratio<double>(t.logprobs[k], t.ref_logprobs[k], a_.log_ratio_clamp).value);
      t.kl = kl_;
    }
    t.terminal = terminal != nullptr ? *terminal : 0.0;
    float* const outputs[] = {a_.lwp, a_.shaped, a_.kl, a_.rewards};
    float** const places[] = {&t.lwp_out, &t.shaped, &t.kl_out, &t.rewards};
    for (int i = 0; i < 4; ++i)
      if (outputs[i] != nullptr) *places[i] = gathered ? out_[i] : outputs[i] + first;
    kernels_.shape_rewards(a_, t, stats_);
    for (int i = 0; gathered && i < 4; ++i)
      if (outputs[i] != nullptr)
        for (int64_t k = 0; k < n; ++k) outputs[i][at_[k]] = out_[i][k];
  }

  template <typename At>
  const double* lwp(At at, int64_t n) {
    const int64_t first = count_ + 1;
    count_ += n;
    if (a_.positions == nullptr) stats_[TPPO_SHAPE_REWARDS_BEYOND] += static_cast<double>(beyond(first, n, a_.suggested_length));
    const double* const table = a_.positions == nullptr ? weights_.from(first, n) : nullptr;
    if (table != nullptr) return table;
    for (int64_t k = 0; k < n; ++k) {
      const int64_t position = a_.positions != nullptr ? a_.positions[at(k)] : first + k;
      lwp_[k] = weights_.at(position);
      if (a_.positions != nullptr) stats_[TPPO_SHAPE_REWARDS_BEYOND] += static_cast<double>(position) > a_.suggested_length;
    }
    return lwp_;
  }

  /// What masked tokens get.
  void clear(int64_t begin, int64_t end) const {
    for (float* const array : {a_.lwp, a_.shaped, a_.kl, a_.rewards})
      if (array != nullptr) std::fill(array + begin, array + end, 0.0f);
  }

  const tppo_shape_rewards_args& a_;
  const LengthWeights& weights_;
  const TokenKernels& kernels_ = token_kernels();
  double* const stats_;
  int64_t count_ = 0;  // valid tokens so far
  int64_t at_[kChunk];
  float scores_[kChunk], logprobs_[kChunk], ref_[kChunk], out_[4][kChunk];
  double lwp_[kChunk], class_scores_[kChunk], kl_[kChunk];
};

struct Scratch {
  double* partial;
  double* weights;

  Scratch(const tppo_shape_rewards_args& a, Workspace& w)
      : partial(w.take<double>(a.num_sequences * TPPO_SHAPE_REWARDS_STATS)), weights(w.take<double>(LengthWeights::most(a))) {}
};

}  // namespace

uint64_t shape_rewards_workspace(const tppo_shape_rewards_args& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.size();
}

int32_t shape_rewards(const tppo_shape_rewards_args& a, const Call& call) {
  Workspace w(call.workspace);
  const Scratch scratch(a, w);
  const Sequences sequences(a);
  const LengthWeights weights(a, sequences, scratch.weights);
  parallel(sequences.count, a.num_tokens, [&](int64_t b) {
    const float* const terminal = a.terminal_rewards != nullptr ? a.terminal_rewards + b : nullptr;
    Shaping(a, weights, scratch.partial + b * TPPO_SHAPE_REWARDS_STATS)(sequences.begin(b), sequences.end(b), terminal);
  });
  if (a.stats != nullptr) add_blocks(scratch.partial, sequences.count, TPPO_SHAPE_REWARDS_STATS, a.stats);
  return TPPO_OK;
}

}  // namespace tppo::cpu
