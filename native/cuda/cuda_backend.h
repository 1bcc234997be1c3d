// SPDX-License-Identifier: Apache-2.0
// CUDA implementation of every operation of tppo.h, present when the library is built with TPPO_CUDA. api.cpp has checked the
// arguments (not the contents of arrays, which lie on the device) and the device number; strides are filled in (never 0); nothing is
// called with 0 tokens except to write stats. Every function selects call.device, only enqueues on call.stream, and returns
// fail(TPPO_CUDA_ERROR, ...) for launch errors. One file of cuda/ implements one operation; device.cu the device functions.
#pragma once

#include "../status.h"

namespace tppo::cuda {

uint64_t token_log_probs_workspace(const tppo_token_log_probs_args& args, int32_t device);
int32_t token_log_probs(const tppo_token_log_probs_args& args, const Call& call);

uint64_t policy_loss_workspace(const tppo_policy_loss_args& args, int32_t device);
int32_t policy_loss(const tppo_policy_loss_args& args, const Call& call);

uint64_t nll_loss_workspace(const tppo_nll_loss_args& args, int32_t device);
int32_t nll_loss(const tppo_nll_loss_args& args, const Call& call);

uint64_t linear_token_log_probs_workspace(const LinearArgs<tppo_token_log_probs_args>& args, int32_t device);
int32_t linear_token_log_probs(const LinearArgs<tppo_token_log_probs_args>& args, const Call& call);
uint64_t linear_policy_loss_workspace(const LinearArgs<tppo_policy_loss_args>& args, int32_t device);
int32_t linear_policy_loss(const LinearArgs<tppo_policy_loss_args>& args, const Call& call);
uint64_t linear_nll_loss_workspace(const LinearArgs<tppo_nll_loss_args>& args, int32_t device);
int32_t linear_nll_loss(const LinearArgs<tppo_nll_loss_args>& args, const Call& call);

uint64_t token_advantages_workspace(const TokenAdvantagesArgs& args, int32_t device);
int32_t token_advantages(const TokenAdvantagesArgs& args, const Call& call);

uint64_t shape_rewards_workspace(const tppo_shape_rewards_args& args, int32_t device);
int32_t shape_rewards(const tppo_shape_rewards_args& args, const Call& call);

uint64_t gae_workspace(const tppo_gae_args& args, int32_t device);
int32_t gae(const tppo_gae_args& args, const Call& call);

uint64_t whiten_workspace(const tppo_whiten_args& args, int32_t device);
int32_t whiten(const tppo_whiten_args& args, const Call& call);

uint64_t reward_model_loss_workspace(const tppo_reward_model_loss_args& args, int32_t device);
int32_t reward_model_loss(const tppo_reward_model_loss_args& args, const Call& call);

uint64_t balance_mask_workspace(const tppo_balance_mask_args& args, int32_t device);
int32_t balance_mask(const tppo_balance_mask_args& args, const Call& call);

uint64_t value_loss_workspace(const tppo_value_loss_args& args, int32_t device);
int32_t value_loss(const tppo_value_loss_args& args, const Call& call);

uint64_t dpo_loss_workspace(const tppo_dpo_loss_args& args, int32_t device);
int32_t dpo_loss(const tppo_dpo_loss_args& args, const Call& call);

uint64_t global_norm_workspace(const tppo_global_norm_args& args, int32_t device);
int32_t global_norm(const tppo_global_norm_args& args, const Call& call);

uint64_t scale_workspace(const tppo_scale_args& args, int32_t device);
int32_t scale(const tppo_scale_args& args, const Call& call);

uint64_t adamw_workspace(const tppo_adamw_args& args, int32_t device);
int32_t adamw(const tppo_adamw_args& args, const Call& call);

int32_t device_count();
/// "" when there is a usable device.
const char* unavailable_reason();
int32_t device_info(int32_t device, tppo_cuda_device* info);
int32_t alloc(int32_t device, uint64_t bytes, void** address);
int32_t release(int32_t device, void* address);
int32_t upload(int32_t device, void* destination, const void* source, uint64_t bytes, void* stream);
int32_t download(int32_t device, void* destination, const void* source, uint64_t bytes, void* stream);
int32_t synchronize(int32_t device, void* stream);

}  // namespace tppo::cuda
