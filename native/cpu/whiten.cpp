// SPDX-License-Identifier: Apache-2.0
#include "../math/whiten.h"

#include "cpu_backend.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = 4096;

/// Sum over valid tokens of term(x), in blocks; partial has room for one number a block.
template <typename Term>
double masked_sum(const tppo_whiten_args& a, double* partial, Term term) {
  const int64_t blocks = blocks_of(a.num_tokens, kBlock);
  parallel(blocks, a.num_tokens, [&](int64_t task) {
    const int64_t end = (task + 1) * kBlock < a.num_tokens ? (task + 1) * kBlock : a.num_tokens;
    double sum = 0.0;
    for (int64_t i = task * kBlock; i < end; ++i)
      if (valid(a.mask, i)) sum += term(static_cast<double>(a.x[i]));
    partial[task] = sum;
  });
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
  const double count = masked_sum(a, partial, [](double) { return 1.0; });
  const double mean = count > 0.0 ? masked_sum(a, partial, [](double x) { return x; }) / count : 0.0;
  const double squares = masked_sum(a, partial, [mean](double x) { return (x - mean) * (x - mean); });
  const double variance = math::variance(squares, count, a.unbiased != 0);
  const double inverse = math::inverse_deviation(variance, a.epsilon);
  parallel(blocks, a.num_tokens, [&](int64_t task) {
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
