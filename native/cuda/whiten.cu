// SPDX-License-Identifier: Apache-2.0
// Whitening in two launches: moments of each block's share, then in every block their union and the result.
#include "moments.cuh"

namespace tppo::cuda {
namespace {

constexpr int kInFlight = 8;

__global__ void __launch_bounds__(kMapThreads) moments_kernel(const float* x, const uint8_t* mask, int64_t n, Moments* partials) {
  TPPO_SHARED(double, shared);
  after_previous_kernel();
  next_kernel_may_begin();
  const int64_t step = static_cast<int64_t>(gridDim.x) * kMapThreads;
  PivotSums mine;
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kMapThreads + threadIdx.x; first < n; first += kInFlight * step) {
    double value[kInFlight];
    bool valid[kInFlight];
#pragma unroll
    for (int j = 0; j < kInFlight; ++j) {
      const int64_t i = first + j * step;
      valid[j] = i < n && counts(mask, i);
      value[j] = valid[j] ? x[i] : 0.0f;
    }
#pragma unroll
    for (int j = 0; j < kInFlight; ++j)
      if (valid[j]) mine.add(value[j]);
  }
  const PivotSums all = block_union(mine, shared);
  if (threadIdx.x == 0) partials[blockIdx.x] = all.moments();
}

__global__ void __launch_bounds__(kMapThreads) whiten_kernel(Whitening op, int64_t n, const Moments* partials, int blocks) {
  TPPO_SHARED(double, shared);
  after_previous_kernel();
  op.apply(partials, blocks, shared, n);
}

int moments_blocks(int64_t n) { return map_blocks(n, kMapThreads * kInFlight); }

}  // namespace

uint64_t whiten_workspace(const tppo_whiten_args& a, int32_t) {
  Workspace w;
  w.take<Moments>(moments_blocks(a.num_tokens));
  return w.bytes();
}

int32_t whiten(const tppo_whiten_args& a, const Call& call) {
  Launcher launch("tppo_whiten", call);
  Workspace w(call);
  const int blocks = moments_blocks(a.num_tokens);
  Moments* const partials = w.take<Moments>(blocks);
  launch(moments_kernel, Grid{blocks, kMapThreads, kMomentsBytes}.following(), a.x, a.mask, a.num_tokens, partials);
  launch(whiten_kernel, Grid{whiten_blocks(a.num_tokens), kMapThreads, kMomentsBytes}.following(), Whitening::of(a, a.x, a.out), a.num_tokens, partials, blocks);
  return launch.status();
}

}  // namespace tppo::cuda
