// SPDX-License-Identifier: Apache-2.0
// CPU implementation of every operation of tppo.h. api.cpp has checked the arguments except for the contents of arrays; strides are
// filled in (never 0). The workspace functions return 0 when no scratch is needed. One file of cpu/ implements one operation.
#pragma once

#include "../status.h"

namespace tppo::cpu {

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

uint64_t decoder_workspace(const tppo_decoder_args& args, int32_t device);
int32_t decoder(const tppo_decoder_args& args, const Call& call);
void decoder_copy_slot(const tppo_decoder_args& args, int64_t from, int64_t to, int64_t positions);

uint64_t sample_tokens_workspace(const tppo_sample_tokens_args& args, int32_t device);
int32_t sample_tokens(const tppo_sample_tokens_args& args, const Call& call);

}  // namespace tppo::cpu
