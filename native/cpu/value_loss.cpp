// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cpu_backend.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {

constexpr int64_t kBlock = 2048;

uint64_t value_loss_workspace(const tppo_value_loss_args& a, int32_t) {
  Workspace w;
  w.take<double>(blocks_of(a.num_tokens, kBlock) * kValueSums);
  return w.size();
}

int32_t value_loss(const tppo_value_loss_args& a, const Call& call) {
  const int64_t blocks = blocks_of(a.num_tokens, kBlock);
  double* const partial = Workspace(call.workspace).take<double>(blocks * kValueSums);
  const TokenKernels& kernels = token_kernels();
  const double normalizer = a.normalizer != 0.0 ? a.normalizer : static_cast<double>(valid_tokens(a.mask, a.num_tokens));
  const double inverse = normalizer > 0.0 ? 1.0 / normalizer : 0.0;
  parallel(blocks, a.num_tokens, [&](int64_t task) {
    kernels.value_loss(a, inverse, task * kBlock, std::min((task + 1) * kBlock, a.num_tokens), partial + task * kValueSums);
  });
  if (a.stats != nullptr) {
    add_blocks(partial, blocks, kValueSums, a.stats);
    a.stats[TPPO_VALUE_NORMALIZER] = normalizer;
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
