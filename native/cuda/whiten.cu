// SPDX-License-Identifier: Apache-2.0
// Whitening: count and mean, then the squares about that mean, then the result. Three launches, each of which adds up the partial sums of
// the one before in every block.
#include "../math/whiten.h"

#include "sequences.cuh"

namespace tppo::cuda {
namespace {

struct Moments {
  static constexpr int kSums = 2;
  const float* x;
  const uint8_t* mask;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t i, double* sums) const {
    if (!counts(mask, i)) return;
    sums[0] += 1.0;
    sums[1] += x[i];
  }
};

/// Reads the partials of Moments.
struct CountAndMean {
  const double* partials;
  int blocks;
  double count, mean;

  __device__ void begin(double* shared) {
    count = block_total(partials, blocks, shared);
    const double sum = block_total(partials + blocks, blocks, shared);
    mean = count > 0.0 ? sum / count : 0.0;
  }
};

struct Squares {
  static constexpr int kSums = 1;
  const float* x;
  const uint8_t* mask;
  CountAndMean moments;

  __device__ void begin(double* shared) { moments.begin(shared); }
  __device__ void element(int64_t i, double* sums) const {
    if (!counts(mask, i)) return;
    const double d = x[i] - moments.mean;
    sums[0] += d * d;
  }
};

struct Apply {
  static constexpr int kSums = 1;  // none; the kernel wants at least one
  const float* x;
  const uint8_t* mask;
  float* out;
  double* stats;
  CountAndMean moments;
  const double* square_partials;
  bool unbiased, keep_mean;
  double epsilon;
  double inverse_deviation;

  __device__ void begin(double* shared) {
    moments.begin(shared);
    const double variance = math::variance(block_total(square_partials, moments.blocks, shared), moments.count, unbiased);
    inverse_deviation = math::inverse_deviation(variance, epsilon);
    if (stats == nullptr || blockIdx.x != 0 || threadIdx.x != 0) return;
    stats[TPPO_WHITEN_VALID] = moments.count;
    stats[TPPO_WHITEN_MEAN] = moments.mean;
    stats[TPPO_WHITEN_VARIANCE] = variance;
  }
  __device__ void element(int64_t i, double*) const {
    out[i] = counts(mask, i) ? static_cast<float>(math::whiten<double>(x[i], moments.mean, inverse_deviation, keep_mean)) : 0.0f;
  }
};

struct Scratch {
  double* moments;
  double* squares;

  Scratch(const tppo_whiten_args& a, Workspace& w)
      : moments(w.take<double>(map_partials<Moments>(a.num_tokens))), squares(w.take<double>(map_partials<Squares>(a.num_tokens))) {}
};

}  // namespace

uint64_t whiten_workspace(const tppo_whiten_args& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.bytes();
}

int32_t whiten(const tppo_whiten_args& a, const Call& call) {
  Launcher launch("tppo_whiten", call);
  Workspace w(call);
  const Scratch scratch(a, w);
  const CountAndMean moments{scratch.moments, map_blocks(a.num_tokens), 0.0, 0.0};
  map(launch, Moments{a.x, a.mask}, a.num_tokens, scratch.moments);
  map(launch, Squares{a.x, a.mask, moments}, a.num_tokens, scratch.squares);
  map(launch, Apply{a.x, a.mask, a.out, a.stats, moments, scratch.squares, a.unbiased != 0, a.keep_mean != 0, a.epsilon, 0.0}, a.num_tokens,
      nullptr);
  return launch.status();
}

}  // namespace tppo::cuda
