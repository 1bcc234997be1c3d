// SPDX-License-Identifier: Apache-2.0
// Rewards of generated tokens (equations 4 and 5). One block takes one sequence at a time, in chunks of a token per thread, since the
// position of a token is a running count and the terminal reward belongs to the last valid one.
#include "../math/shape_rewards.h"

#include "sequences.cuh"

namespace tppo::cuda {
namespace {

constexpr int kWarps = kMapThreads / kWarp;

__device__ __forceinline__ void put(float* array, int64_t i, double value) {
  if (array != nullptr) array[i] = static_cast<float>(value);
}

/// The last valid token of a sequence, or -1. All threads of the block take part; `shared` holds one number a warp and is free afterwards.
__device__ __forceinline__ int64_t last_valid(const uint8_t* mask, const Span& span, int64_t* shared) {
  if (mask == nullptr) return span.end > span.begin ? span.end - 1 : -1;
  int64_t last = -1;
  for (int64_t i = span.begin + threadIdx.x; i < span.end; i += kMapThreads)
    if (mask[i] != 0) last = i;
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const int64_t other = __shfl_xor_sync(kAllLanes, last, distance);
    last = other > last ? other : last;
  }
  if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = last;
  __syncthreads();
  for (int w = 0; w < kWarps; ++w) last = shared[w] > last ? shared[w] : last;
  __syncthreads();
  return last;
}

/// Number of the block's threads up to and with this one for which `valid` holds; `total` is the number of all. `shared` as above.
__device__ __forceinline__ int count_up_to(bool valid, int64_t* shared, int& total) {
  const unsigned lanes = __ballot_sync(kAllLanes, valid);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  if (lane == 0) shared[warp] = __popc(lanes);
  __syncthreads();
  int before = 0;
  total = 0;
  for (int w = 0; w < kWarps; ++w) {
    const int n = static_cast<int>(shared[w]);
    if (w < warp) before += n;
    total += n;
  }
  __syncthreads();
  return before + __popc(lanes & (kAllLanes >> (kWarp - 1 - lane)));
}

struct ShapeOp {
  static constexpr int kSums = TPPO_SHAPE_REWARDS_STATS;
  tppo_shape_rewards_args args;

  __device__ void begin(double*) const {}
  __device__ void finish(const double* sums) const {
    for (int j = 0; j < kSums; ++j) args.stats[j] = sums[j];
  }

  __device__ double score(int64_t i) const {
    if (args.classes == nullptr) return args.scores[i];
    const int32_t c = args.classes[i];
    return c == 0 ? args.class_values[0] : c == 1 ? args.class_values[1] : c == 2 ? args.class_values[2] : static_cast<double>(NAN);
  }

  __device__ void blank(int64_t i) const {
    put(args.lwp, i, 0.0);
    put(args.shaped, i, 0.0);
    put(args.kl, i, 0.0);
    put(args.rewards, i, 0.0);
  }

  /// A valid token at its position, with what the sequence adds to it.
  __device__ void token(int64_t i, double position, double terminal, double* sums) const {
    const double value = score(i);
    const double lwp =
        args.length_penalty != 0 ? math::length_weight(args.alpha, position, args.suggested_length, args.length_offset) : 1.0;
    const double shaped = lwp * value;
    double kl = 0.0;
    if (args.logprobs != nullptr) {
      const math::LogRatio<double> d = math::log_ratio<double>(args.logprobs[i], args.ref_logprobs[i], args.log_ratio_clamp);
      kl = math::kl_estimate(args.kl_estimator, d.value);
      sums[TPPO_SHAPE_REWARDS_CLAMPED] += d.clamped ? 1.0 : 0.0;
    }
    const double reward = (args.kl_coef != 0.0 ? shaped - args.kl_coef * kl : shaped) + terminal;
    put(args.lwp, i, lwp);
    put(args.shaped, i, shaped);
    put(args.kl, i, kl);
    put(args.rewards, i, reward);
    sums[TPPO_SHAPE_REWARDS_VALID] += 1.0;
    sums[TPPO_SHAPE_REWARDS_LWP] += lwp;
    sums[TPPO_SHAPE_REWARDS_SHAPED] += shaped;
    sums[TPPO_SHAPE_REWARDS_KL] += kl;
    sums[TPPO_SHAPE_REWARDS_REWARD] += reward;
    sums[TPPO_SHAPE_REWARDS_BEYOND] += position > args.suggested_length ? 1.0 : 0.0;
  }
};

__global__ void __launch_bounds__(kMapThreads) shape_rewards_kernel(ShapeOp op, Sequences sequences, double* partials) {
  TPPO_SHARED(double, shared);
  int64_t* const numbers = reinterpret_cast<int64_t*>(shared);
  const tppo_shape_rewards_args& a = op.args;
  double sums[ShapeOp::kSums] = {};
  for (int64_t b = blockIdx.x; b < sequences.count; b += gridDim.x) {
    const Span span = sequences.span(b);
    const int64_t last = a.terminal_rewards == nullptr ? -1 : last_valid(a.mask, span, numbers);
    int64_t before = 0;
    for (int64_t first = span.begin; first < span.end; first += kMapThreads) {
      const int64_t i = first + threadIdx.x;
      const bool valid = i < span.end && counts(a.mask, i);
      int total = 0;
      const int64_t rank = before + count_up_to(valid, numbers, total);
      before += total;
      if (valid) {
        const double position = static_cast<double>(a.positions == nullptr ? rank : a.positions[i]);
        op.token(i, position, i == last ? static_cast<double>(a.terminal_rewards[b]) : 0.0, sums);
      } else if (i < span.end) {
        op.blank(i);
      }
    }
  }
  if (partials != nullptr) block_sums(sums, shared, partials);
}

int sequence_blocks(const tppo_shape_rewards_args& a) { return map_blocks(a.num_sequences, 1); }

double* partials(const tppo_shape_rewards_args& a, Workspace& w) {
  return w.take<double>(static_cast<int64_t>(ShapeOp::kSums) * sequence_blocks(a));
}

}  // namespace

uint64_t shape_rewards_workspace(const tppo_shape_rewards_args& a, int32_t) {
  Workspace w;
  partials(a, w);
  return w.bytes();
}

int32_t shape_rewards(const tppo_shape_rewards_args& a, const Call& call) {
  Launcher launch("tppo_shape_rewards", call);
  Workspace w(call);
  double* const sums = a.stats != nullptr ? partials(a, w) : nullptr;
  const ShapeOp op{a};
  const Sequences sequences(a.cu_seqlens, a.num_tokens, a.num_sequences);
  launch(shape_rewards_kernel, Grid{sequence_blocks(a), kMapThreads, block_sums_bytes(ShapeOp::kSums)}, op, sequences, sums);
  if (a.stats != nullptr) finish(launch, op, sums, sequence_blocks(a));
  return launch.status();
}

}  // namespace tppo::cuda
