// SPDX-License-Identifier: Apache-2.0
#include "../math/balance_mask.h"

#include "cpu_backend.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {

uint64_t balance_mask_workspace(const tppo_balance_mask_args& a, int32_t) {
  Workspace w;
  w.take<double>(a.num_sequences * 2);
  return w.size();
}

int32_t balance_mask(const tppo_balance_mask_args& a, const Call& call) {
  const Sequences sequences(a);
  double* const kept = Workspace(call.workspace).take<double>(sequences.count * 2);
  int64_t counts[3] = {0, 0, 0};
  for (int64_t i = 0; i < a.num_tokens; ++i)
    if (valid(a.mask, i)) ++counts[a.labels[i]];
  const bool given = a.count1 >= 0;
  const math::BalanceThresholds thresholds =
      math::balance_thresholds(given ? a.count1 : counts[1], given ? a.count2 : counts[2], a.rho);

  parallel(sequences.count, a.num_tokens * 15, [&](int64_t b) {
    const uint32_t sample = a.sample_ids != nullptr ? a.sample_ids[b] : static_cast<uint32_t>(a.first_sample + b);
    const int64_t begin = sequences.begin(b);
    double kept_by_class[3] = {0.0, 0.0, 0.0};
    for (int64_t i = begin; i < sequences.end(b); ++i) {
      const bool counts_here = valid(a.mask, i);
      const bool keep =
          counts_here && math::balance_keep(thresholds, a.labels[i], static_cast<uint32_t>(i - begin), sample, a.step, a.seed);
      if (keep) kept_by_class[a.labels[i]] += 1.0;
      a.out[i] = keep;
    }
    kept[2 * b] = kept_by_class[1];
    kept[2 * b + 1] = kept_by_class[2];
  });
  if (a.stats != nullptr) {
    for (int k = 0; k < 3; ++k) a.stats[TPPO_BALANCE_COUNT0 + k] = static_cast<double>(counts[k]);
    add_blocks(kept, sequences.count, 2, a.stats + TPPO_BALANCE_KEPT1);
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
