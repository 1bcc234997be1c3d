// SPDX-License-Identifier: Apache-2.0
#include "../math/whiten.h"

#include <algorithm>

#include "cpu_backend.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = 4096;

/// The values of one block.
MaskedValues values_of(const tppo_whiten_args& a, int64_t block) {
  const int64_t begin = block * kBlock;
  return MaskedValues{a.x + begin, a.mask != nullptr ? a.mask + begin : nullptr, std::min(kBlock, a.num_tokens - begin)};
}

/// Sum over the blocks of what f gives for one; partial has room for one number a block.
template <typename F>
double sum_of_blocks(const tppo_whiten_args& a, double* partial, F f) {
  const int64_t blocks = blocks_of(a.num_tokens, kBlock);
  parallel(blocks, a.num_tokens / 5, [&](int64_t block) { partial[block] = f(values_of(a, block)); });
  double sum = 0.0;
  add_blocks(partial, blocks, 1, &sum);
  return sum;
}

}  // namespace

uint64_t whiten_workspace(const tppo_whiten_args& a, int32_t) {
  Workspace w;
  w.take<double>(blocks_of(a.num_tokens, kBlock));
  return w.size();
}

int32_t whiten(const tppo_whiten_args& a, const Call& call) {
  const int64_t blocks = blocks_of(a.num_tokens, kBlock);
  double* const partial = Workspace(call.workspace).take<double>(blocks);
  const TokenKernels& kernels = token_kernels();
  const double count = static_cast<double>(valid_tokens(a.mask, a.num_tokens));
  const double mean = count > 0.0 ? sum_of_blocks(a, partial, kernels.sum) / count : 0.0;
  const double squares = sum_of_blocks(a, partial, [&](const MaskedValues& x) { return kernels.squares(x, mean); });
  const double variance = math::variance(squares, count, a.unbiased != 0);
  const double inverse = math::inverse_deviation(variance, a.epsilon);
  parallel(blocks, a.num_tokens / 5,
           [&](int64_t block) { kernels.whiten(values_of(a, block), mean, inverse, a.keep_mean != 0, a.out + block * kBlock); });
  if (a.stats != nullptr) {
    a.stats[TPPO_WHITEN_VALID] = count;
    a.stats[TPPO_WHITEN_MEAN] = mean;
    a.stats[TPPO_WHITEN_VARIANCE] = variance;
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
