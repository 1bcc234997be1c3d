// SPDX-License-Identifier: Apache-2.0
#include "../math/gae.h"

#include "cpu_backend.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {

uint64_t gae_workspace(const tppo_gae_args&, int32_t) { return 0; }

int32_t gae(const tppo_gae_args& a, const Call&) {
  const Sequences sequences(a);
  parallel(sequences.count, a.num_tokens * 2, [&](int64_t b) {
    const int64_t begin = sequences.begin(b);
    math::GaeCarry<double> carry{0.0, 0.0};
    for (int64_t i = sequences.end(b) - 1; i >= begin; --i) {
      const bool counts = valid(a.mask, i);
      if (counts) carry = math::gae_step<double>(a.gamma, a.lambda, a.rewards[i], a.values[i], carry);
      a.advantages[i] = counts ? static_cast<float>(carry.advantage) : 0.0f;
      if (a.returns != nullptr) a.returns[i] = counts ? static_cast<float>(carry.advantage + carry.value) : 0.0f;
    }
  });
  return TPPO_OK;
}

}  // namespace tppo::cpu
