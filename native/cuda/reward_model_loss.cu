// SPDX-License-Identifier: Apache-2.0
// Loss of the token-level reward model (equations 1 to 3) and its gradient. One block takes one sequence at a time and reads it twice: for
// the means of the global loss, then for losses and gradients.
#include "../math/reward_model_loss.h"

#include "sequences.cuh"

namespace tppo::cuda {
namespace {

using Args = tppo_reward_model_loss_args;
using Classes = math::ThreeClasses<double>;

/// Weight of a class, NaN for a label that names none.
__device__ __forceinline__ double class_weight(const Args& a, int32_t label) {
  return label == 0 ? a.class_weights[0] : label == 1 ? a.class_weights[1] : label == 2 ? a.class_weights[2] : static_cast<double>(NAN);
}

/// Sum of the class weights of the valid tokens, from counts, so that the order of the tokens does not matter.
struct SumClassWeights {
  static constexpr int kSums = 3;
  Args args;
  double* sum;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t i, double* sums) const {
    if (!counts(args.mask, i)) return;
    const int32_t label = args.labels[i];
    sums[0] += label == 0 ? 1.0 : 0.0;
    sums[1] += label == 1 ? 1.0 : 0.0;
    sums[2] += label == 2 ? 1.0 : 0.0;
  }
  __device__ void finish(const double* sums) const {
    *sum = args.class_weights[0] * sums[0] + args.class_weights[1] * sums[1] + args.class_weights[2] * sums[2];
  }
};

struct RewardModelOp {
  static constexpr int kSums = TPPO_REWARD_MODEL_STATS;
  Args args;
  const uint8_t* global_mask;
  const double* weight_sum;  // NULL: local_normalizer holds
  double local_normalizer, num_samples;

  __device__ void begin(double*) const {}
  __device__ double local_inverse() const { return inverse(weight_sum != nullptr ? *weight_sum : local_normalizer); }

  __device__ void finish(const double* sums) const {
    double* const s = args.stats;
    for (int j = 0; j < kSums; ++j) s[j] = sums[j];
    const double global =
        args.global_mode == TPPO_GLOBAL_EXPECTED ? sums[TPPO_REWARD_MODEL_GLOBAL_EXPECTED] : sums[TPPO_REWARD_MODEL_GLOBAL_ARGMAX];
    s[TPPO_REWARD_MODEL_GLOBAL] = global;
    s[TPPO_REWARD_MODEL_LOSS] = math::weighted(args.w_local, sums[TPPO_REWARD_MODEL_LOCAL]) + math::weighted(args.w_global, global);
  }
};

/// One token with its class probabilities; `bad` also where a label that counts names no class.
struct Token {
  bool in_local, in_global;
  int32_t label;
  Classes classes;
};

template <typename T>
__device__ __forceinline__ Token read_token(const RewardModelOp& op, int64_t i) {
  const Args& a = op.args;
  Token t{counts(a.mask, i), counts(op.global_mask, i), 0, {}};
  if (!t.in_local && !t.in_global) return t;
  const T* const z = static_cast<const T*>(a.logits) + 3 * i;
  t.classes = math::three_classes<double>(math::to_float(z[0]), math::to_float(z[1]), math::to_float(z[2]));
  if (!t.in_local) return t;
  t.label = a.labels[i];
  t.classes.bad = t.classes.bad || t.label < 0 || t.label > 2;
  return t;
}

template <typename T>
__device__ __forceinline__ void write_token(const Args& a, int64_t i, const Token& t, double local, double global) {
  const Classes& k = t.classes;
  const bool counted = t.in_local || t.in_global;
  if (a.expected_value != nullptr) a.expected_value[i] = static_cast<float>(!counted ? 0.0 : k.bad ? static_cast<double>(NAN) : k.expected);
  if (a.argmax != nullptr) a.argmax[i] = counted && !k.bad ? k.argmax : 0;
  if (a.weighted_nll != nullptr) {
    const double w = t.in_local ? class_weight(a, t.label) : 0.0;
    const double ln_p = t.label == 0 ? k.ln_p[0] : t.label == 1 ? k.ln_p[1] : k.ln_p[2];
    a.weighted_nll[i] = w == 0.0 ? 0.0f : static_cast<float>(-w * ln_p);
  }
  if (a.grad_logits == nullptr) return;
  T* const g = static_cast<T*>(a.grad_logits) + 3 * i;
#pragma unroll
  for (int c = 0; c < 3; ++c)
    math::store(g + c, !counted ? 0.0f : k.bad ? NAN : static_cast<float>(math::reward_model_gradient(k, c, t.label, local, global)));
}

/// d global / d (expected class of one token of sequence b); thread 0 also adds the sequence to the sums and stores its means.
template <typename T>
__device__ __forceinline__ double global_slope(const RewardModelOp& op, int64_t b, const Span& span, double* shared, double* sums) {
  const Args& a = op.args;
  double means[4] = {};  // argmax, expected, count, bad
  for (int64_t i = span.begin + threadIdx.x; i < span.end; i += kMapThreads) {
    const Token t = read_token<T>(op, i);
    if (!t.in_global) continue;
    means[0] += t.classes.argmax;
    means[1] += t.classes.expected;
    means[2] += 1.0;
    means[3] += t.classes.bad ? 1.0 : 0.0;
  }
  block_share_sums(means, shared);
  const double count = means[2];
  const bool bad = means[3] > 0.0;
  const double argmax = count > 0.0 ? means[0] / count : 0.0;
  const double expected = count > 0.0 ? means[1] / count : 0.0;
  if (threadIdx.x == 0) {
    if (a.mean_argmax != nullptr) a.mean_argmax[b] = static_cast<float>(bad ? static_cast<double>(NAN) : argmax);
    if (a.mean_expected != nullptr) a.mean_expected[b] = static_cast<float>(bad ? static_cast<double>(NAN) : expected);
  }
  if (!(count > 0.0) || bad || a.sentence_labels == nullptr) return 0.0;
  const double target = a.sentence_labels[b];
  const double by_argmax = argmax - target, by_expected = expected - target;
  const double inverse_samples = inverse(op.num_samples);
  if (threadIdx.x == 0) {
    sums[TPPO_REWARD_MODEL_GLOBAL_ARGMAX] += inverse_samples * by_argmax * by_argmax;
    sums[TPPO_REWARD_MODEL_GLOBAL_EXPECTED] += inverse_samples * by_expected * by_expected;
  }
  if (a.global_mode == TPPO_GLOBAL_ARGMAX) return 0.0;
  return 2.0 * inverse_samples / count * (a.global_mode == TPPO_GLOBAL_EXPECTED ? by_expected : by_argmax);
}

template <typename T>
__global__ void __launch_bounds__(kMapThreads, 2) reward_model_kernel(RewardModelOp op, Sequences sequences, double* partials) {
  TPPO_SHARED(double, shared);
  const Args& a = op.args;
  const double local_inverse = op.local_inverse();
  double sums[RewardModelOp::kSums] = {};
  for (int64_t b = blockIdx.x; b < sequences.count; b += gridDim.x) {
    const Span span = sequences.span(b);
    const double slope = global_slope<T>(op, b, span, shared, sums);
    for (int64_t i = span.begin + threadIdx.x; i < span.end; i += kMapThreads) {
      const Token t = read_token<T>(op, i);
      const double w = t.in_local ? class_weight(a, t.label) : 0.0;
      write_token<T>(a, i, t, a.w_local * w * local_inverse, t.in_global ? math::weighted(a.w_global, slope) : 0.0);
      if (!t.in_local && !t.in_global) continue;
      if (t.classes.bad) {
        sums[TPPO_REWARD_MODEL_BAD_ROWS] += 1.0;
        continue;
      }
      if (!t.in_local) continue;
      const double ln_p = t.label == 0 ? t.classes.ln_p[0] : t.label == 1 ? t.classes.ln_p[1] : t.classes.ln_p[2];
      if (w != 0.0) sums[TPPO_REWARD_MODEL_LOCAL] -= local_inverse * w * ln_p;
      sums[TPPO_REWARD_MODEL_VALID] += 1.0;
      sums[TPPO_REWARD_MODEL_CORRECT] += t.classes.argmax == t.label ? 1.0 : 0.0;
      sums[TPPO_REWARD_MODEL_WEIGHT] += w;
    }
  }
  if (partials != nullptr) block_sums(sums, shared, partials);
}

struct Scratch {
  double* weight_sum;
  double* weight_partials;
  double* partials;
  int blocks;

  Scratch(const Args& a, Workspace& w)
      : weight_sum(w.take<double>(1)), weight_partials(w.take<double>(map_partials<SumClassWeights>(a.num_tokens))), partials(nullptr),
        blocks(map_blocks(a.num_sequences, 1)) {
    partials = w.take<double>(static_cast<int64_t>(RewardModelOp::kSums) * blocks);
  }
};

}  // namespace

uint64_t reward_model_loss_workspace(const tppo_reward_model_loss_args& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.bytes();
}

int32_t reward_model_loss(const tppo_reward_model_loss_args& a, const Call& call) {
  Launcher launch("tppo_reward_model_loss", call);
  Workspace w(call);
  const Scratch scratch(a, w);
  const double samples = a.num_samples > 0.0 ? a.num_samples : static_cast<double>(a.num_sequences);
  RewardModelOp op{a, a.global_mask != nullptr ? a.global_mask : a.mask, nullptr, samples, samples};
  if (a.local_reduction == TPPO_LOCAL_WEIGHTED_MEAN) {
    op.local_normalizer = a.local_normalizer;
    if (!(a.local_normalizer > 0.0)) {
      op.weight_sum = scratch.weight_sum;
      map_reduce(launch, SumClassWeights{a, scratch.weight_sum}, a.num_tokens, scratch.weight_partials);
    }
  }
  const Sequences sequences(a.cu_seqlens, a.num_tokens, a.num_sequences);
  const Grid grid{scratch.blocks, kMapThreads, block_sums_bytes(RewardModelOp::kSums)};
  double* const partials = a.stats != nullptr ? scratch.partials : nullptr;
  if (a.dtype == TPPO_BF16)
    launch(reward_model_kernel<math::bf16>, grid, op, sequences, partials);
  else if (a.dtype == TPPO_F16)
    launch(reward_model_kernel<math::f16>, grid, op, sequences, partials);
  else
    launch(reward_model_kernel<float>, grid, op, sequences, partials);
  if (a.stats != nullptr) finish(launch, op, partials, scratch.blocks);
  return launch.status();
}

}  // namespace tppo::cuda
