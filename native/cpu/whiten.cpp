// SPDX-License-Identifier: Apache-2.0
#include "../math/whiten.h"

#include <algorithm>

#include "cpu_backend.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = 4096;
/// Blocks that are summed beside each other: a sum in double in the order of its tokens waits for every addition.
constexpr int kBeside = 4;

/// Sums of term(x) over the valid tokens among the first `length` of each of BLOCKS blocks.
template <int BLOCKS, typename Term>
void sum_blocks(const tppo_whiten_args& a, int64_t block, int64_t length, double* partial, Term term) {
  const float* const x = a.x + block * kBlock;
  const uint8_t* const mask = a.mask != nullptr ? a.mask + block * kBlock : nullptr;
  double sum[BLOCKS] = {};
  for (int64_t i = 0; i < length; ++i)
    for (int k = 0; k < BLOCKS; ++k)
      sum[k] += valid(mask, k * kBlock + i) ? term(static_cast<double>(x[k * kBlock + i])) : 0.0;
  for (int k = 0; k < BLOCKS; ++k) partial[block + k] = sum[k];
}

/// Sum over valid tokens of term(x), in blocks; partial has room for one number a block.
template <typename Term>
double masked_sum(const tppo_whiten_args& a, double* partial, Term term) {
  const int64_t blocks = blocks_of(a.num_tokens, kBlock);
  parallel(blocks_of(blocks, kBeside), a.num_tokens / 2, [&](int64_t task) {
    int64_t block = task * kBeside;
    if ((block + kBeside) * kBlock <= a.num_tokens) return sum_blocks<kBeside>(a, block, kBlock, partial, term);
    for (; block < blocks; ++block) sum_blocks<1>(a, block, std::min(kBlock, a.num_tokens - block * kBlock), partial, term);
  });
  double sum = 0.0;
  add_blocks(partial, blocks, 1, &sum);
  return sum;
}

double valid_tokens(const tppo_whiten_args& a) {
  if (a.mask == nullptr) return static_cast<double>(a.num_tokens);
  int64_t count = 0;
  for (int64_t i = 0; i < a.num_tokens; ++i) count += a.mask[i] != 0;
  return static_cast<double>(count);
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
  const double count = valid_tokens(a);
  const double mean = count > 0.0 ? masked_sum(a, partial, [](double x) { return x; }) / count : 0.0;
  const double squares = masked_sum(a, partial, [mean](double x) { return (x - mean) * (x - mean); });
  const double variance = math::variance(squares, count, a.unbiased != 0);
  const double inverse = math::inverse_deviation(variance, a.epsilon);
  parallel(blocks, a.num_tokens / 2, [&](int64_t task) {
    const int64_t end = (task + 1) * kBlock < a.num_tokens ? (task + 1) * kBlock : a.num_tokens;
    for (int64_t i = task * kBlock; i < end; ++i)
      a.out[i] = valid(a.mask, i) ? static_cast<float>(math::whiten<double>(a.x[i], mean, inverse, a.keep_mean != 0)) : 0.0f;
  });
  if (a.stats != nullptr) {
    a.stats[TPPO_WHITEN_VALID] = count;
    a.stats[TPPO_WHITEN_MEAN] = mean;
    a.stats[TPPO_WHITEN_VARIANCE] = variance;
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
