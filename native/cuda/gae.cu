// SPDX-License-Identifier: Apache-2.0
// Generalised advantage estimation.
#include "advantages.cuh"

namespace tppo::cuda {

uint64_t gae_workspace(const tppo_gae_args&, int32_t) { return 0; }

int32_t gae(const tppo_gae_args& a, const Call& call) {
  Launcher launch("tppo_gae", call);
  const Sequences sequences(a.cu_seqlens, a.num_tokens, a.num_sequences);
  if (a.num_tokens > 0) launch_advantages<false>(launch, AdvantageArgs{a, {}, sequences, nullptr, nullptr});
  return launch.status();
}

}  // namespace tppo::cuda
