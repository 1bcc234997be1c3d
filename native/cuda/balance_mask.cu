// SPDX-License-Identifier: Apache-2.0
// Class balance mask of the reward model: a count of the classes, which sets the rule, then the draw of each token.
#include "../math/balance_mask.h"

#include "sequences.cuh"

namespace tppo::cuda {
namespace {

struct CountClasses {
  static constexpr int kSums = 3;
  tppo_balance_mask_args args;
  math::BalanceRule* rule;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t i, double* sums) const {
    if (!counts(args.mask, i)) return;
    const int32_t label = args.labels[i];
    sums[0] += label == 0 ? 1.0 : 0.0;
    sums[1] += label == 1 ? 1.0 : 0.0;
    sums[2] += label == 2 ? 1.0 : 0.0;
  }
  __device__ void finish(const double* sums) const {
    const bool given = args.count1 >= 0;
    *rule = math::balance_rule(given ? args.count1 : static_cast<int64_t>(sums[1]), given ? args.count2 : static_cast<int64_t>(sums[2]), args.rho);
    if (args.stats == nullptr) return;
    args.stats[TPPO_BALANCE_COUNT0] = sums[0];
    args.stats[TPPO_BALANCE_COUNT1] = sums[1];
    args.stats[TPPO_BALANCE_COUNT2] = sums[2];
  }
};

/// The last step: tokens kept of class 1 and 2.
struct CountKept {
  static constexpr int kSums = 2;
  double* stats;

  __device__ void begin(double*) const {}
  __device__ void finish(const double* sums) const {
    stats[TPPO_BALANCE_KEPT1] = sums[0];
    stats[TPPO_BALANCE_KEPT2] = sums[1];
  }
};

/// One block per sequence at a time.
__global__ void __launch_bounds__(kMapThreads)
    balance_mask_kernel(tppo_balance_mask_args a, Sequences sequences, const math::BalanceRule* rule_of_batch, double* partials) {
  TPPO_SHARED(double, shared);
  const math::BalanceRule rule = *rule_of_batch;
  double kept[CountKept::kSums] = {};
  for (int64_t b = blockIdx.x; b < sequences.count; b += gridDim.x) {
    const Span span = sequences.span(b);
    const uint32_t sample = a.sample_ids != nullptr ? a.sample_ids[b] : static_cast<uint32_t>(a.first_sample + b);
    for (int64_t i = span.begin + threadIdx.x; i < span.end; i += kMapThreads) {
      const int32_t label = counts(a.mask, i) ? a.labels[i] : -1;
      const uint32_t word = label < 0 || label != rule.thinned ? 0 : math::balance_word(static_cast<uint32_t>(i - span.begin), sample, a.step, a.seed);
      const bool keep = label >= 0 && label <= 2 && math::balance_keep(rule, label, word);
      a.out[i] = keep ? 1 : 0;
      kept[0] += keep && label == 1 ? 1.0 : 0.0;
      kept[1] += keep && label == 2 ? 1.0 : 0.0;
    }
  }
  if (partials != nullptr) block_sums(kept, shared, partials);
}

struct Scratch {
  math::BalanceRule* rule;
  double* class_partials;
  double* kept_partials;
  int blocks;

  Scratch(const tppo_balance_mask_args& a, Workspace& w)
      : rule(w.take<math::BalanceRule>(1)), class_partials(w.take<double>(map_partials<CountClasses>(a.num_tokens))),
        kept_partials(nullptr), blocks(map_blocks(a.num_sequences, 1)) {
    kept_partials = w.take<double>(static_cast<int64_t>(CountKept::kSums) * blocks);
  }
};

}  // namespace

uint64_t balance_mask_workspace(const tppo_balance_mask_args& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.bytes();
}

int32_t balance_mask(const tppo_balance_mask_args& a, const Call& call) {
  Launcher launch("tppo_balance_mask", call);
  Workspace w(call);
  const Scratch scratch(a, w);
  double* const partials = a.stats != nullptr ? scratch.kept_partials : nullptr;
  map_reduce(launch, CountClasses{a, scratch.rule}, a.num_tokens, scratch.class_partials);
  launch(balance_mask_kernel, Grid{scratch.blocks, kMapThreads, block_sums_bytes(CountKept::kSums)}, a,
         Sequences(a.cu_seqlens, a.num_tokens, a.num_sequences), scratch.rule, partials);
  if (a.stats != nullptr) finish(launch, CountKept{a.stats}, partials, scratch.blocks);
  return launch.status();
}

}  // namespace tppo::cuda
