// SPDX-License-Identifier: Apache-2.0
#include "../math/reward_model_loss.h"

#include <cmath>

#include "cpu_backend.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

/// What one sequence needs from the batch.
struct Batch {
  double local_inverse;   // 1 / normaliser of the local loss
  double global_inverse;  // 1 / n
};

using Classes = math::ThreeClasses<double>;

template <typename T>
Classes classes_at(const tppo_reward_model_loss_args& a, int64_t i) {
  const T* const z = static_cast<const T*>(a.logits) + 3 * i;
  return math::three_classes<double>(math::to_float(z[0]), math::to_float(z[1]), math::to_float(z[2]));
}

/// First pass over a sequence: the means of the global loss.
struct GlobalMeans {
  double argmax = 0.0, expected = 0.0, count = 0.0;
  bool bad = false;
};

template <typename T>
GlobalMeans global_means(const tppo_reward_model_loss_args& a, const uint8_t* global_mask, int64_t begin, int64_t end) {
  GlobalMeans m;
  for (int64_t i = begin; i < end; ++i) {
    if (!valid(global_mask, i)) continue;
    const Classes k = classes_at<T>(a, i);
    m.bad = m.bad || k.bad;
    m.argmax += k.argmax;
    m.expected += k.expected;
    m.count += 1.0;
  }
  if (m.count > 0.0) {
    m.argmax /= m.count;
    m.expected /= m.count;
  }
  return m;
}

template <typename T>
void write_token(const tppo_reward_model_loss_args& a, int64_t i, const Classes& k, bool in_local, double local, double global) {
  if (a.expected_value != nullptr) a.expected_value[i] = static_cast<float>(k.bad ? NAN : k.expected);
  if (a.argmax != nullptr) a.argmax[i] = k.bad ? 0 : k.argmax;
  if (a.weighted_nll != nullptr) {
    const double nll = in_local ? -a.class_weights[a.labels[i]] * k.ln_p[a.labels[i]] : 0.0;
    a.weighted_nll[i] = static_cast<float>(in_local && a.class_weights[a.labels[i]] == 0.0 ? 0.0 : nll);
  }
  if (a.grad_logits == nullptr) return;
  T* const g = static_cast<T*>(a.grad_logits) + 3 * i;
  for (int32_t c = 0; c < 3; ++c)
    math::store(g + c, static_cast<float>(k.bad ? NAN : math::reward_model_gradient(k, c, in_local ? a.labels[i] : 0, local, global)));
}

template <typename T>
void blank_token(const tppo_reward_model_loss_args& a, int64_t i) {
  if (a.expected_value != nullptr) a.expected_value[i] = 0.0f;
  if (a.argmax != nullptr) a.argmax[i] = 0;
  if (a.weighted_nll != nullptr) a.weighted_nll[i] = 0.0f;
  if (a.grad_logits == nullptr) return;
  T* const g = static_cast<T*>(a.grad_logits) + 3 * i;
  for (int c = 0; c < 3; ++c) math::store(g + c, 0.0f);
}

template <typename T>
void sequence_loss(const tppo_reward_model_loss_args& a, const Batch& batch, int64_t b, int64_t begin, int64_t end, double* sums) {
  const uint8_t* const global_mask = a.global_mask != nullptr ? a.global_mask : a.mask;
  const GlobalMeans mean = global_means<T>(a, global_mask, begin, end);
  if (a.mean_argmax != nullptr) a.mean_argmax[b] = static_cast<float>(mean.bad ? NAN : mean.argmax);
  if (a.mean_expected != nullptr) a.mean_expected[b] = static_cast<float>(mean.bad ? NAN : mean.expected);

  double slope = 0.0;  // d global / d (expected value of one token)
  if (mean.count > 0.0 && !mean.bad && a.sentence_labels != nullptr) {
    const double target = a.sentence_labels[b];
    const double by_argmax = mean.argmax - target;
    const double by_expected = mean.expected - target;
    sums[TPPO_REWARD_MODEL_GLOBAL_ARGMAX] += batch.global_inverse * by_argmax * by_argmax;
    sums[TPPO_REWARD_MODEL_GLOBAL_EXPECTED] += batch.global_inverse * by_expected * by_expected;
    if (a.global_mode != TPPO_GLOBAL_ARGMAX)
      slope = 2.0 * batch.global_inverse / mean.count * (a.global_mode == TPPO_GLOBAL_EXPECTED ? by_expected : by_argmax);
  }

  for (int64_t i = begin; i < end; ++i) {
    const bool in_local = valid(a.mask, i);
    const bool in_global = valid(global_mask, i);
    if (!in_local && !in_global) {
      blank_token<T>(a, i);
      continue;
    }
    const Classes k = classes_at<T>(a, i);
    const double w = in_local ? a.class_weights[a.labels[i]] : 0.0;
    write_token<T>(a, i, k, in_local, a.w_local * w * batch.local_inverse, in_global ? a.w_global * slope : 0.0);
    if (k.bad) {
      sums[TPPO_REWARD_MODEL_BAD_ROWS] += 1.0;
      continue;
    }
    if (!in_local) continue;
    if (w != 0.0) sums[TPPO_REWARD_MODEL_LOCAL] -= batch.local_inverse * w * k.ln_p[a.labels[i]];
    sums[TPPO_REWARD_MODEL_VALID] += 1.0;
    sums[TPPO_REWARD_MODEL_CORRECT] += k.argmax == a.labels[i];
    sums[TPPO_REWARD_MODEL_WEIGHT] += w;
  }
}

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
  w.take<double>(a.num_sequences * TPPO_REWARD_MODEL_STATS);
  return w.size();
}

int32_t reward_model_loss(const tppo_reward_model_loss_args& a, const Call& call) {
  const Sequences sequences(a);
  double* const partial = Workspace(call.workspace).take<double>(sequences.count * TPPO_REWARD_MODEL_STATS);
  const double n = a.num_samples > 0.0 ? a.num_samples : static_cast<double>(sequences.count);
  double local = n;
  if (a.local_reduction == TPPO_LOCAL_WEIGHTED_MEAN) local = a.local_normalizer > 0.0 ? a.local_normalizer : weight_sum(a);
  const Batch batch{local > 0.0 ? 1.0 / local : 0.0, n > 0.0 ? 1.0 / n : 0.0};

  parallel(sequences.count, a.num_tokens * 60, [&](int64_t b) {
    double* const sums = partial + b * TPPO_REWARD_MODEL_STATS;
    for (int k = 0; k < TPPO_REWARD_MODEL_STATS; ++k) sums[k] = 0.0;
    if (a.dtype == TPPO_BF16)
      sequence_loss<math::bf16>(a, batch, b, sequences.begin(b), sequences.end(b), sums);
    else if (a.dtype == TPPO_F16)
      sequence_loss<math::f16>(a, batch, b, sequences.begin(b), sequences.end(b), sums);
    else
      sequence_loss<float>(a, batch, b, sequences.begin(b), sequences.end(b), sums);
  });
  if (a.stats != nullptr) {
    double* const s = a.stats;
    add_blocks(partial, sequences.count, TPPO_REWARD_MODEL_STATS, s);
    s[TPPO_REWARD_MODEL_GLOBAL] =
        a.global_mode == TPPO_GLOBAL_EXPECTED ? s[TPPO_REWARD_MODEL_GLOBAL_EXPECTED] : s[TPPO_REWARD_MODEL_GLOBAL_ARGMAX];
    s[TPPO_REWARD_MODEL_LOSS] = a.w_local * s[TPPO_REWARD_MODEL_LOCAL] + a.w_global * s[TPPO_REWARD_MODEL_GLOBAL];
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
