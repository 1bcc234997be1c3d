// SPDX-License-Identifier: Apache-2.0
// The output layer and a loss behind it.
#include "gpu.cuh"

namespace tppo::cuda {
namespace {
int32_t missing(const char* name) { return fail(TPPO_UNSUPPORTED, "%s has no CUDA kernel", name); }
}  // namespace

uint64_t linear_token_log_probs_workspace(const LinearArgs<tppo_token_log_probs_args>&, int32_t) { return 0; }
int32_t linear_token_log_probs(const LinearArgs<tppo_token_log_probs_args>&, const Call&) { return missing("tppo_linear_token_log_probs"); }
uint64_t linear_policy_loss_workspace(const LinearArgs<tppo_policy_loss_args>&, int32_t) { return 0; }
int32_t linear_policy_loss(const LinearArgs<tppo_policy_loss_args>&, const Call&) { return missing("tppo_linear_policy_loss"); }
uint64_t linear_nll_loss_workspace(const LinearArgs<tppo_nll_loss_args>&, int32_t) { return 0; }
int32_t linear_nll_loss(const LinearArgs<tppo_nll_loss_args>&, const Call&) { return missing("tppo_linear_nll_loss"); }

}  // namespace tppo::cuda
