// SPDX-License-Identifier: Apache-2.0
#include "../math/shape_rewards.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu_backend.h"
#include "doubles.inl"
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

/// Some sequences, one by one. Their valid tokens are taken kChunk at a time, so that the order of the sums, and with it their bits, does not depend
/// on the masked ones among them.
class Shaping {
 public:
  Shaping(const tppo_shape_rewards_args& a, const TokenKernels& kernels, const LengthWeights& weights) : a_(a), kernels_(kernels), weights_(weights) {}

  void sequence(int64_t begin, int64_t end, const float* terminal) {
    count_ = 0;
    const int64_t last = valid_end(a_.mask, begin, end);
    clear(last, end);
    for (int64_t i = begin; i < last;) {
      const int64_t n = std::min(kChunk, last - i);
      const bool beside_each_other = a_.mask == nullptr || std::memchr(a_.mask + i, 0, static_cast<size_t>(n)) == nullptr;
      TokensToShape t = beside_each_other ? in_place(i, n) : gathered(i, last);
      i = at_[t.count - 1] + 1;
      if (terminal != nullptr && i == last) t.terminal = *terminal;
      shape(t);
      if (!beside_each_other) scatter(t);
    }
  }

  void finish(double* stats) const {
    for (int k = 0; k < TPPO_SHAPE_REWARDS_STATS; ++k) stats[k] = sum_of_16(sums_[k]);
    stats[TPPO_SHAPE_REWARDS_BEYOND] = static_cast<double>(beyond_);
  }

 private:
  /// The n tokens from `first` on, all of them valid.
  TokensToShape in_place(int64_t first, int64_t n) {
    const auto from = [&](auto* array) { return array != nullptr ? array + first : nullptr; };
    for (int64_t k = a_.positions != nullptr ? 0 : n - 1; k < n; ++k) at_[k] = first + k;
    TokensToShape t{};
    t.count = n;
    t.classes = from(a_.classes);
    t.scores = from(a_.scores);
    t.logprobs = from(a_.logprobs);
    t.ref_logprobs = from(a_.ref_logprobs);
    t.lwp_out = from(a_.lwp);
    t.shaped = from(a_.shaped);
    t.kl_out = from(a_.kl);
    t.rewards = from(a_.rewards);
    return t;
  }

  /// Copies of the next kChunk valid tokens from i on, or of those that are left.
  TokensToShape gathered(int64_t i, int64_t end) {
    TokensToShape t{};
    for (; t.count < kChunk && i < end; ++i) {
      if (!valid(a_.mask, i)) {
        clear(i, i + 1);
        continue;
      }
      if (a_.classes != nullptr) copies_.classes[t.count] = a_.classes[i];
      if (a_.scores != nullptr) copies_.scores[t.count] = a_.scores[i];
      if (a_.logprobs != nullptr) {
        copies_.logprobs[t.count] = a_.logprobs[i];
        copies_.ref_logprobs[t.count] = a_.ref_logprobs[i];
      }
      at_[t.count++] = i;
    }
    t.classes = a_.classes != nullptr ? copies_.classes : nullptr;
    t.scores = a_.scores != nullptr ? copies_.scores : nullptr;
    t.logprobs = a_.logprobs != nullptr ? copies_.logprobs : nullptr;
    t.ref_logprobs = copies_.ref_logprobs;
    t.lwp_out = copies_.lwp;
    t.shaped = copies_.shaped;
    t.kl_out = copies_.kl;
    t.rewards = copies_.rewards;
    return t;
  }

  void scatter(const TokensToShape& t) const {
    const auto put = [&](float* array, const float* copy) {
      for (int64_t k = 0; array != nullptr && k < t.count; ++k) array[at_[k]] = copy[k];
    };
    put(a_.lwp, t.lwp_out);
    put(a_.shaped, t.shaped);
    put(a_.kl, t.kl_out);
    put(a_.rewards, t.rewards);
  }

  void shape(TokensToShape& t) {
    t.lwp = lwp(t.count);
    kernels_.shape_rewards(a_, t, sums_[0]);
  }

  /// The length penalty of the next n tokens, those in at_.
  const double* lwp(int64_t n) {
    const int64_t first = count_ + 1;
    count_ += n;
    if (a_.positions == nullptr) {
      beyond_ += beyond(first, n, a_.suggested_length);
      if (const double* const table = weights_.from(first, n)) return table;
    }
    for (int64_t k = 0; k < n; ++k) {
      const int64_t position = a_.positions != nullptr ? a_.positions[at_[k]] : first + k;
      lwp_[k] = weights_.at(position);
      if (a_.positions != nullptr) beyond_ += static_cast<double>(position) > a_.suggested_length;
    }
    return lwp_;
  }

  /// What masked tokens get.
  void clear(int64_t begin, int64_t end) const {
    for (float* const array : {a_.lwp, a_.shaped, a_.kl, a_.rewards})
      if (array != nullptr) std::fill(array + begin, array + end, 0.0f);
  }

  const tppo_shape_rewards_args& a_;
  const TokenKernels& kernels_;
  const LengthWeights& weights_;
  double sums_[TPPO_SHAPE_REWARDS_STATS][kTokens] = {};
  int64_t beyond_ = 0;
  int64_t count_ = 0;   // valid tokens of the sequence so far
  int64_t at_[kChunk];  // the tokens at hand; of tokens beside each other only the last one, where nobody asks for the others
  double lwp_[kChunk];
  struct {
    int32_t classes[kChunk];
    float scores[kChunk], logprobs[kChunk], ref_logprobs[kChunk], lwp[kChunk], shaped[kChunk], kl[kChunk], rewards[kChunk];
  } copies_;
};

/// Rough cost in ns, for the choice of threads.
int64_t cost(const tppo_shape_rewards_args& a) {
  const int64_t of_token = 1 + (a.logprobs != nullptr && a.kl_estimator == TPPO_KL_K3 ? 2 : 0) + (a.positions != nullptr ? 5 : 0);
  return a.num_tokens * of_token + a.num_sequences * 40;
}

struct Scratch {
  double* partial;
  double* weights;

  Scratch(const tppo_shape_rewards_args& a, Workspace& w)
      : partial(w.take<double>(blocks_of(a.num_sequences, Sequences::per_task(a.num_sequences)) * TPPO_SHAPE_REWARDS_STATS)),
        weights(w.take<double>(LengthWeights::most(a))) {}
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
  const TokenKernels& kernels = token_kernels();
  const int64_t per_task = Sequences::per_task(sequences.count), tasks = blocks_of(sequences.count, per_task);
  parallel(tasks, cost(a), [&](int64_t task) {
    Shaping shaping(a, kernels, weights);
    for (int64_t b = task * per_task; b < std::min((task + 1) * per_task, sequences.count); ++b)
      shaping.sequence(sequences.begin(b), sequences.end(b), a.terminal_rewards != nullptr ? a.terminal_rewards + b : nullptr);
    shaping.finish(scratch.partial + task * TPPO_SHAPE_REWARDS_STATS);
  });
  if (a.stats != nullptr) add_blocks(scratch.partial, tasks, TPPO_SHAPE_REWARDS_STATS, a.stats);
  return TPPO_OK;
}

}  // namespace tppo::cpu
