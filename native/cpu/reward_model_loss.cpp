// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "../math/reward_model_loss.h"
#include "cpu_backend.h"
#include "doubles.inl"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kChunk = 256;  // tokens whose logits lie class by class at a time

/// What one sequence needs from the batch.
struct Batch {
  double local_inverse;   // 1 / normaliser of the local loss
  double global_inverse;  // 1 / n
};

/// Some sequences, one by one.
template <typename T>
class RewardModel {
 public:
  RewardModel(const tppo_reward_model_loss_args& a, const Batch& batch)
      : a_(a), global_mask_(a.global_mask != nullptr ? a.global_mask : a.mask), batch_(batch), kernels_(token_kernels()) {}

  void sequence(int64_t b, int64_t begin, int64_t whole_end) {
    const int64_t end = std::max(valid_end(a_.mask, begin, whole_end), valid_end(global_mask_, begin, whole_end));
    const double global = math::weighted(a_.w_global, global_slope(b, begin, end));
    const RewardModelWeights weights{{a_.class_weights[0], a_.class_weights[1], a_.class_weights[2]}, a_.w_local, batch_.local_inverse, global};
    each_chunk(begin, end, [&](int64_t first, const RewardModelTokens& tokens) {
      kernels_.reward_model_loss(tokens, weights, sums_[0]);
      if (a_.grad_logits != nullptr) store_gradient(first, tokens.count);
    });
    clear(end, whole_end);
  }

  void finish(double* stats) const {
    std::fill(stats, stats + TPPO_REWARD_MODEL_STATS, 0.0);
    stats[TPPO_REWARD_MODEL_GLOBAL_ARGMAX] = by_argmax_;
    stats[TPPO_REWARD_MODEL_GLOBAL_EXPECTED] = by_expected_;
    stats[TPPO_REWARD_MODEL_LOCAL] = sum_of_16(sums_[kLossLocal]);
    stats[TPPO_REWARD_MODEL_VALID] = sum_of_16(sums_[kLossValid]);
    stats[TPPO_REWARD_MODEL_CORRECT] = sum_of_16(sums_[kLossCorrect]);
    stats[TPPO_REWARD_MODEL_WEIGHT] = sum_of_16(sums_[kLossWeight]);
    stats[TPPO_REWARD_MODEL_BAD_ROWS] = sum_of_16(sums_[kLossBad]);
  }

 private:
  /// Global loss of a sequence; d of it / d (expected class of one token).
  double global_slope(int64_t b, int64_t begin, int64_t end) {
    double mean[kMeanSums] = {};
    each_chunk(begin, end, [&](int64_t, const RewardModelTokens& tokens) {
      double sums[kMeanSums];
      kernels_.reward_model_means(tokens, sums);
      for (int k = 0; k < kMeanSums; ++k) mean[k] += sums[k];
    });
    const double count = mean[kMeanCount];
    const bool bad = mean[kMeanBad] > 0.0;
    const double argmax = count > 0.0 ? mean[kMeanArgmax] / count : 0.0, expected = count > 0.0 ? mean[kMeanExpected] / count : 0.0;
    if (a_.mean_argmax != nullptr) a_.mean_argmax[b] = static_cast<float>(bad ? NAN : argmax);
    if (a_.mean_expected != nullptr) a_.mean_expected[b] = static_cast<float>(bad ? NAN : expected);
    if (!(count > 0.0) || bad || a_.sentence_labels == nullptr) return 0.0;

    const double by_argmax = argmax - a_.sentence_labels[b], by_expected = expected - a_.sentence_labels[b];
    by_argmax_ += batch_.global_inverse * by_argmax * by_argmax;
    by_expected_ += batch_.global_inverse * by_expected * by_expected;
    if (a_.global_mode == TPPO_GLOBAL_ARGMAX) return 0.0;
    return 2.0 * batch_.global_inverse / count * (a_.global_mode == TPPO_GLOBAL_EXPECTED ? by_expected : by_argmax);
  }

  /// f(first, tokens) for the tokens [begin, end), kChunk at a time, with the logits class by class.
  template <typename F>
  void each_chunk(int64_t begin, int64_t end, F f) {
    for (int64_t first = begin; first < end; first += kChunk) {
      const int64_t n = std::min(kChunk, end - first);
      const T* const z = static_cast<const T*>(a_.logits) + 3 * first;
      for (int64_t i = 0; i < n; ++i)
        for (int c = 0; c < 3; ++c) logits_[c][i] = math::to_float(z[3 * i + c]);
      const auto from = [&](auto* array) { return array != nullptr ? array + first : nullptr; };
      const auto gradient = [&](int c) { return a_.grad_logits != nullptr ? gradient_[c] : nullptr; };
      f(first, RewardModelTokens{n, {logits_[0], logits_[1], logits_[2]}, from(a_.labels), from(a_.mask), from(global_mask_), from(a_.weighted_nll),
                                 from(a_.expected_value), from(a_.argmax), {gradient(0), gradient(1), gradient(2)}});
    }
  }

  void store_gradient(int64_t first, int64_t n) const {
    T* const g = static_cast<T*>(a_.grad_logits) + 3 * first;
    for (int64_t i = 0; i < n; ++i)
      for (int c = 0; c < 3; ++c) math::store(g + 3 * i + c, gradient_[c][i]);
  }

  /// What tokens outside both masks get.
  void clear(int64_t begin, int64_t end) const {
    const auto fill = [&](auto* array, int64_t width) {
      if (array != nullptr) std::fill(array + width * begin, array + width * end, std::decay_t<decltype(*array)>{});
    };
    fill(a_.weighted_nll, 1);
    fill(a_.expected_value, 1);
    fill(a_.argmax, 1);
    fill(static_cast<T*>(a_.grad_logits), 3);
  }

  const tppo_reward_model_loss_args& a_;
  const uint8_t* const global_mask_;
  const Batch batch_;
  const TokenKernels& kernels_;
  double sums_[kLossSums][kTokens] = {};
  double by_argmax_ = 0.0, by_expected_ = 0.0;
  float logits_[3][kChunk], gradient_[3][kChunk];
};

/// Sum of the class weights of the valid tokens; counts by class first, so that the order of the tokens does not matter.
double weight_sum(const tppo_reward_model_loss_args& a) {
  int64_t counts[3] = {0, 0, 0};
  for (int64_t i = 0; i < a.num_tokens; ++i)
    if (valid(a.mask, i)) ++counts[a.labels[i]];
  double sum = 0.0;
  for (int c = 0; c < 3; ++c) sum += a.class_weights[c] * static_cast<double>(counts[c]);
  return sum;
}

}  // namespace

uint64_t reward_model_loss_workspace(const tppo_reward_model_loss_args& a, int32_t) {
  Workspace w;
  w.take<double>(blocks_of(a.num_sequences, Sequences::per_task(a.num_sequences)) * TPPO_REWARD_MODEL_STATS);
  return w.size();
}

int32_t reward_model_loss(const tppo_reward_model_loss_args& a, const Call& call) {
  const Sequences sequences(a);
  const int64_t per_task = Sequences::per_task(sequences.count), tasks = blocks_of(sequences.count, per_task);
  double* const partial = Workspace(call.workspace).take<double>(tasks * TPPO_REWARD_MODEL_STATS);
  const double n = a.num_samples > 0.0 ? a.num_samples : static_cast<double>(sequences.count);
  double local = n;
  if (a.local_reduction == TPPO_LOCAL_WEIGHTED_MEAN) local = a.local_normalizer > 0.0 ? a.local_normalizer : weight_sum(a);
  const Batch batch{local > 0.0 ? 1.0 / local : 0.0, n > 0.0 ? 1.0 / n : 0.0};

  const auto run = [&](auto model, int64_t task) {
    for (int64_t b = task * per_task; b < std::min((task + 1) * per_task, sequences.count); ++b)
      model.sequence(b, sequences.begin(b), sequences.end(b));
    model.finish(partial + task * TPPO_REWARD_MODEL_STATS);
  };
  parallel(tasks, a.num_tokens * 15 + a.num_sequences * 100, [&](int64_t task) {
    if (a.dtype == TPPO_BF16)
      run(RewardModel<math::bf16>(a, batch), task);
    else if (a.dtype == TPPO_F16)
      run(RewardModel<math::f16>(a, batch), task);
    else
      run(RewardModel<float>(a, batch), task);
  });
  if (a.stats != nullptr) {
    double* const s = a.stats;
    add_blocks(partial, tasks, TPPO_REWARD_MODEL_STATS, s);
    s[TPPO_REWARD_MODEL_GLOBAL] =
        a.global_mode == TPPO_GLOBAL_EXPECTED ? s[TPPO_REWARD_MODEL_GLOBAL_EXPECTED] : s[TPPO_REWARD_MODEL_GLOBAL_ARGMAX];
    s[TPPO_REWARD_MODEL_LOSS] = math::weighted(a.w_local, s[TPPO_REWARD_MODEL_LOCAL]) + math::weighted(a.w_global, s[TPPO_REWARD_MODEL_GLOBAL]);
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
