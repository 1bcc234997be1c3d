// SPDX-License-Identifier: Apache-2.0
// Rewards, advantages and whitening in two launches.
#include "gpu.cuh"

namespace tppo::cuda {

uint64_t token_advantages_workspace(const TokenAdvantagesArgs&, int32_t) { return 0; }
int32_t token_advantages(const TokenAdvantagesArgs&, const Call&) { return fail(TPPO_UNSUPPORTED, "tppo_token_advantages has no CUDA kernel"); }

}  // namespace tppo::cuda
