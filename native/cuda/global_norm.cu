// SPDX-License-Identifier: Apache-2.0
// Norm over many tensors. Their addresses travel in the kernel's parameters, so many tensors take several launches.
#include "../math/adamw.h"
#include "reduce.cuh"

namespace tppo::cuda {
namespace {

constexpr int kTensorsPerLaunch = 128;

struct Tensors {
  const float* address[kTensorsPerLaunch];
  int64_t length[kTensorsPerLaunch];
  int count;
};

/// Every block takes its share of every tensor.
__global__ void __launch_bounds__(kMapThreads) sum_of_squares_kernel(const __grid_constant__ Tensors tensors, double* partials) {
  TPPO_SHARED(double, shared);
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * kMapThreads + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kMapThreads;
  double sums[1] = {};
  for (int t = 0; t < tensors.count; ++t) {
    const float* const x = tensors.address[t];
    const int64_t n = tensors.length[t];
#pragma unroll 4
    for (int64_t i = thread; i < n; i += step) {
      const double v = x[i];
      sums[0] += v * v;
    }
  }
  block_sums(sums, shared, partials);
}

struct Norm {
  static constexpr int kSums = 1;
  double max_norm;
  double* stats;

  __device__ void begin(double*) const {}
  __device__ void finish(const double* sums) const {
    const double norm = sqrt(sums[0]);
    stats[TPPO_NORM_NORM] = norm;
    stats[TPPO_NORM_SCALE] = math::clip_factor(norm, max_norm);
    stats[TPPO_NORM_SUM_OF_SQUARES] = sums[0];
  }
};

int64_t launches(const tppo_global_norm_args& a) { return (a.num_tensors + kTensorsPerLaunch - 1) / kTensorsPerLaunch; }

double* partials(const tppo_global_norm_args& a, Workspace& w) { return w.take<double>(launches(a) * kMapMaxBlocks); }

}  // namespace

uint64_t global_norm_workspace(const tppo_global_norm_args& a, int32_t) {
  Workspace w;
  partials(a, w);
  return w.bytes();
}

int32_t global_norm(const tppo_global_norm_args& a, const Call& call) {
  Launcher launch("tppo_global_norm", call);
  Workspace w(call);
  double* const sums = partials(a, w);
  for (int64_t l = 0; l < launches(a); ++l) {
    Tensors tensors = {};
    for (int64_t t = l * kTensorsPerLaunch; t < a.num_tensors && tensors.count < kTensorsPerLaunch; ++t) {
      tensors.address[tensors.count] = a.tensors[t];
      tensors.length[tensors.count++] = a.lengths[t];
    }
    launch(sum_of_squares_kernel, Grid{kMapMaxBlocks, kMapThreads, block_sums_bytes(1)}, tensors, sums + l * kMapMaxBlocks);
  }
  finish(launch, Norm{a.max_norm, a.stats}, sums, static_cast<int>(launches(a)) * kMapMaxBlocks);
  return launch.status();
}

}  // namespace tppo::cuda
