// SPDX-License-Identifier: Apache-2.0
// Rewards of generated tokens (equations 4 and 5). One block takes one sequence at a time, in chunks of a token per thread, since the
// position of a token is a running count and the terminal reward belongs to the last valid one.
#include "shape_rewards.cuh"

namespace tppo::cuda {
namespace {

constexpr int kWarps = kMapThreads / kWarp;

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

/// Ends shape_rewards_kernel.
struct ShapeStats {
  static constexpr int kSums = TPPO_SHAPE_REWARDS_STATS;
  double* stats;

  __device__ void begin(double*) const {}
  __device__ void finish(const double* sums) const {
    for (int j = 0; j < kSums; ++j) stats[j] = sums[j];
  }
};

__global__ void __launch_bounds__(kMapThreads) shape_rewards_kernel(Shape shape, Sequences sequences, double* partials) {
  TPPO_SHARED(double, shared);
  next_kernel_may_begin();
  int64_t* const numbers = reinterpret_cast<int64_t*>(shared);
  const tppo_shape_rewards_args& a = shape.args;
  double sums[TPPO_SHAPE_REWARDS_STATS] = {};
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
        shape.token(i, shape.load(i), position, i == last ? static_cast<double>(a.terminal_rewards[b]) : 0.0, sums,
                    partials != nullptr);
      } else if (i < span.end) {
        shape.blank(i);
      }
    }
  }
  if (partials != nullptr) block_sums(sums, shared, partials);
}

int sequence_blocks(const tppo_shape_rewards_args& a) { return map_blocks(a.num_sequences, 1); }

double* partials(const tppo_shape_rewards_args& a, Workspace& w) {
  return w.take<double>(static_cast<int64_t>(TPPO_SHAPE_REWARDS_STATS) * sequence_blocks(a));
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
  const Sequences sequences(a.cu_seqlens, a.num_tokens, a.num_sequences);
  launch(shape_rewards_kernel, Grid{sequence_blocks(a), kMapThreads, block_sums_bytes(TPPO_SHAPE_REWARDS_STATS)}, Shape{a}, sequences, sums);
  if (a.stats != nullptr) finish(launch, ShapeStats{a.stats}, sums, sequence_blocks(a));
  return launch.status();
}

}  // namespace tppo::cuda
