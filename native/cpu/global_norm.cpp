// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "../math/adamw.h"
#include "cpu_backend.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = 16384;

/// Tensors are summed one after another, so the scratch of the longest will do.
int64_t most_blocks(const tppo_global_norm_args& a) {
  int64_t most = 0;
  for (int64_t i = 0; i < a.num_tensors; ++i) {
    const int64_t blocks = blocks_of(a.lengths[i], kBlock);
    most = blocks > most ? blocks : most;
  }
  return most;
}

}  // namespace

uint64_t global_norm_workspace(const tppo_global_norm_args& a, int32_t) {
  Workspace w;
  w.take<double>(most_blocks(a));
  return w.size();
}

int32_t global_norm(const tppo_global_norm_args& a, const Call& call) {
  double* const partial = Workspace(call.workspace).take<double>(most_blocks(a));
  const TokenKernels& kernels = token_kernels();
  double sum = 0.0;
  for (int64_t t = 0; t < a.num_tensors; ++t) {
    const float* const x = a.tensors[t];
    const int64_t n = a.lengths[t];
    const int64_t blocks = blocks_of(n, kBlock);
    parallel(blocks, n / 4, [&](int64_t block) {
      const int64_t begin = block * kBlock;
      partial[block] = kernels.squares(MaskedValues{x + begin, nullptr, n - begin < kBlock ? n - begin : kBlock}, 0.0);
    });
    double of_tensor = 0.0;
    add_blocks(partial, blocks, 1, &of_tensor);
    sum += of_tensor;
  }
  const double norm = std::sqrt(sum);
  a.stats[TPPO_NORM_NORM] = norm;
  a.stats[TPPO_NORM_SCALE] = math::clip_factor(norm, a.max_norm);
  a.stats[TPPO_NORM_SUM_OF_SQUARES] = sum;
  return TPPO_OK;
}

}  // namespace tppo::cpu
