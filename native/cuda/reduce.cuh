// SPDX-License-Identifier: Apache-2.0
// Sums in a fixed order, without atomics: lanes by butterfly, warps in turn, blocks by a second kernel. The order depends on the number of
// elements alone, so a sum has the same bits on every run and device.
//
// An elementwise operation is a struct Op, passed to its kernels by value:
//   static constexpr int kSums                           number of sums (at most 32)
//   __device__ void begin(double* shared)                once per block and thread, before anything else; may use barriers
//   __device__ void element(int64_t i, double* sums)     handles element i and adds to this thread's sums
//   __device__ void finish(const double* sums)           one thread turns the sums over all elements into the statistics
#pragma once

#include "gpu.cuh"

namespace tppo::cuda {

constexpr int kMapThreads = 256;
constexpr int kMapMaxBlocks = 512;

/// Blocks of a kernel that handles n elements (or other units) of which one block takes `unit` at a time.
inline int map_blocks(int64_t n, int unit = kMapThreads) {
  const int64_t blocks = (n + unit - 1) / unit;
  return static_cast<int>(blocks < 1 ? 1 : blocks > kMapMaxBlocks ? kMapMaxBlocks : blocks);
}

/// Sum over the warp, the same bits in every lane.
template <typename T>
__device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(kAllLanes, x, distance);
  return x;
}

/// Sum of values[0..count), the same bits in every lane; to be called by whole warps.
__device__ __forceinline__ double warp_total(const double* values, int count) {
  double sum = 0.0;
  for (int i = static_cast<int>(threadIdx.x) % kWarp; i < count; i += kWarp) sum += values[i];
  return warp_sum(sum);
}

/// Shared memory of block_sums.
constexpr size_t block_sums_bytes(int sums) { return sizeof(double) * sums * (kMapThreads / kWarp); }

/// Adds the threads' sums of a block of kMapThreads threads and stores sum j to partials[j * gridDim.x + blockIdx.x].
template <int SUMS>
__device__ __forceinline__ void block_sums(const double (&sums)[SUMS], double* shared, double* partials) {
  constexpr int kWarps = kMapThreads / kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
#pragma unroll
  for (int j = 0; j < SUMS; ++j) {
    const double sum = warp_sum(sums[j]);
    if (threadIdx.x % kWarp == 0) shared[j * kWarps + warp] = sum;
  }
  __syncthreads();
  const int j = static_cast<int>(threadIdx.x);
  if (j < SUMS) {
    double sum = 0.0;
    for (int w = 0; w < kWarps; ++w) sum += shared[j * kWarps + w];
    partials[j * gridDim.x + blockIdx.x] = sum;
  }
}

/// Replaces the sums of each thread of a block of kMapThreads threads by those of the block. `shared`: block_sums_bytes(SUMS), free again
/// afterwards.
template <int SUMS>
__device__ __forceinline__ void block_share_sums(double (&sums)[SUMS], double* shared) {
  constexpr int kWarps = kMapThreads / kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
#pragma unroll
  for (int j = 0; j < SUMS; ++j) {
    const double sum = warp_sum(sums[j]);
    if (threadIdx.x % kWarp == 0) shared[j * kWarps + warp] = sum;
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < SUMS; ++j) {
    sums[j] = 0.0;
    for (int w = 0; w < kWarps; ++w) sums[j] += shared[j * kWarps + w];
  }
  __syncthreads();
}

template <typename Op>
__global__ void __launch_bounds__(kMapThreads) map_kernel(Op op, int64_t n, double* partials) {
  TPPO_SHARED(double, shared);
  after_previous_kernel();
  next_kernel_may_begin();
  op.begin(shared);
  double sums[Op::kSums] = {};
  const int64_t step = static_cast<int64_t>(gridDim.x) * kMapThreads;
  // Unrolled, some ops leave their registers on sm_80.
#pragma unroll 1
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kMapThreads + threadIdx.x; i < n; i += step) op.element(i, sums);
  if (partials != nullptr) block_sums(sums, shared, partials);
}

/// One block, one warp per sum.
template <typename Op>
__global__ void __launch_bounds__(kWarp* Op::kSums) finish_kernel(Op op, const double* partials, int blocks) {
  TPPO_SHARED(double, shared);
  after_previous_kernel();
  op.begin(shared);
  const int j = static_cast<int>(threadIdx.x) / kWarp;
  const double sum = warp_total(partials + static_cast<int64_t>(j) * blocks, blocks);
  if (threadIdx.x % kWarp == 0) shared[j] = sum;
  __syncthreads();
  if (threadIdx.x == 0) op.finish(shared);
}

/// Enqueues the last step of any kernel of `blocks` blocks that ended in block_sums.
template <typename Op>
void finish(Launcher& launch, const Op& op, const double* partials, int blocks) {
  launch(finish_kernel<Op>, Grid{1, kWarp * Op::kSums, sizeof(double) * Op::kSums}.following(), op, partials, blocks);
}

/// Up to here one block alone is as fast as two launches.
constexpr int64_t kOneBlock = 1 << 12;

/// map_kernel and finish_kernel in one block.
template <typename Op>
__global__ void __launch_bounds__(kMapThreads) reduce_kernel(Op op, int64_t n) {
  TPPO_SHARED(double, shared);
  after_previous_kernel();
  op.begin(shared);
  double sums[Op::kSums] = {};
  for (int64_t i = threadIdx.x; i < n; i += kMapThreads) op.element(i, sums);
  block_share_sums(sums, shared);
  if (threadIdx.x == 0) op.finish(sums);
}

/// Doubles that `partials` of map needs.
template <typename Op>
int64_t map_partials(int64_t n) {
  return static_cast<int64_t>(Op::kSums) * map_blocks(n);
}

/// Enqueues op over n elements; without `partials` only for what element() stores.
template <typename Op>
void map(Launcher& launch, const Op& op, int64_t n, double* partials) {
  launch(map_kernel<Op>, Grid{map_blocks(n), kMapThreads, block_sums_bytes(Op::kSums)}.following(), op, n, partials);
}

/// map, then finish.
template <typename Op>
void map_reduce(Launcher& launch, const Op& op, int64_t n, double* partials) {
  map(launch, op, n, partials);
  finish(launch, op, partials, map_blocks(n));
}

/// The same, in one launch where elements are few.
template <typename Op>
void reduce(Launcher& launch, const Op& op, int64_t n, double* partials) {
  if (n <= kOneBlock)
    launch(reduce_kernel<Op>, Grid{1, kMapThreads, block_sums_bytes(Op::kSums)}.following(), op, n);
  else
    map_reduce(launch, op, n, partials);
}

/// The sums only where they are wanted.
template <typename Op>
void map_or_reduce(Launcher& launch, const Op& op, int64_t n, double* partials, bool reduce) {
  if (reduce)
    map_reduce(launch, op, n, partials);
  else
    map(launch, op, n, nullptr);
}

}  // namespace tppo::cuda
