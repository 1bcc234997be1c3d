// SPDX-License-Identifier: Apache-2.0
// Rewards, advantages and whitening in two launches: the first shapes the rewards, scans them and leaves behind the statistics of its blocks;
// the second merges those and whitens.
#include "advantages.cuh"

namespace tppo::cuda {
namespace {

/// The last of the statistics of shape_rewards, for a block of kMapThreads threads. One warp per sum.
__device__ __forceinline__ void finish_shape(const double* partials, int blocks, double* stats) {
  const int j = static_cast<int>(threadIdx.x) / kWarp;
  if (j >= TPPO_SHAPE_REWARDS_STATS) return;
  const double sum = warp_total(partials + static_cast<int64_t>(j) * blocks, blocks);
  if (threadIdx.x % kWarp == 0) stats[j] = sum;
}
static_assert(TPPO_SHAPE_REWARDS_STATS <= kTeamWarps, "a warp for each sum");

/// `partials`: of the statistics of shape_rewards; NULL where nobody wants them.
__global__ void __launch_bounds__(kMapThreads)
    whiten_advantages_kernel(Whitening op, int64_t n, const Moments* moments, const double* partials, int blocks, double* shape_stats) {
  TPPO_SHARED(double, shared);
  after_previous_kernel();
  if (partials != nullptr && blockIdx.x == 0) finish_shape(partials, blocks, shape_stats);
  op.apply(moments, blocks, shared, n);
}

__global__ void __launch_bounds__(kMapThreads) shape_stats_kernel(const double* partials, int blocks, double* shape_stats) {
  after_previous_kernel();
  finish_shape(partials, blocks, shape_stats);
}

struct Scratch {
  int blocks;
  double* shape_partials;
  Moments* moments;

  Scratch(const TokenAdvantagesArgs& a, Workspace& w)
      : blocks(advantage_blocks(a.gae.num_tokens, a.gae.num_sequences)),
        shape_partials(w.take<double>(static_cast<int64_t>(TPPO_SHAPE_REWARDS_STATS) * blocks)), moments(w.take<Moments>(blocks)) {}
};

}  // namespace

uint64_t token_advantages_workspace(const TokenAdvantagesArgs& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.bytes();
}

int32_t token_advantages(const TokenAdvantagesArgs& a, const Call& call) {
  Launcher launch("tppo_token_advantages", call);
  Workspace w(call);
  const Scratch scratch(a, w);
  double* const shape_partials = a.shape.stats != nullptr ? scratch.shape_partials : nullptr;
  launch_advantages<true>(launch, AdvantageArgs{a.gae, a.shape, Sequences(a.gae.cu_seqlens, a.gae.num_tokens, a.gae.num_sequences), shape_partials,
                                                a.whitens ? scratch.moments : nullptr});
  const int64_t n = a.gae.num_tokens;
  if (a.whitens)
    launch(whiten_advantages_kernel, Grid{whiten_blocks(n), kMapThreads, kMomentsBytes}.following(), Whitening::of(a.whiten, a.gae.advantages, a.gae.advantages), n,
           scratch.moments, shape_partials, scratch.blocks, a.shape.stats);
  else if (shape_partials != nullptr)
    launch(shape_stats_kernel, Grid{1, kMapThreads, 0}.following(), shape_partials, scratch.blocks, a.shape.stats);
  return launch.status();
}

}  // namespace tppo::cuda
