// SPDX-License-Identifier: Apache-2.0
#include "cpu_backend.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

/// Tokens of one task: handing over a short sequence costs more than its work.
constexpr int64_t kTokensPerTask = 8192;
/// From this many tokens on, 17 bytes each, the outputs would not stay in a last-level cache.
constexpr int64_t kPastCaches = int64_t{4} << 20;

}  // namespace

uint64_t gae_workspace(const tppo_gae_args&, int32_t) { return 0; }

int32_t gae(const tppo_gae_args& a, const Call&) {
  const Sequences sequences(a);
  if (a.num_tokens == 0) return TPPO_OK;
  const TokenKernels& kernels = token_kernels();
  const int64_t per_task = (kTokensPerTask * sequences.count + a.num_tokens - 1) / a.num_tokens;
  const bool past_caches = a.num_tokens >= kPastCaches && a.advantages != a.rewards && a.returns != a.values;
  const GaeBatch batch{a.rewards,    a.values,         a.mask,  a.advantages, a.returns,
                       a.cu_seqlens, sequences.length, a.gamma, a.lambda,     past_caches};
  parallel(blocks_of(sequences.count, per_task), a.num_tokens / 4, [&](int64_t task) {
    const int64_t end = (task + 1) * per_task;
    kernels.gae(batch, task * per_task, end < sequences.count ? end : sequences.count);
  });
  return TPPO_OK;
}

}  // namespace tppo::cpu
