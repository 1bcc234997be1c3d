// SPDX-License-Identifier: Apache-2.0
// Defaults and checks of every argument struct of tppo.h and tppo_decoder.h.
#pragma once

#include "status.h"

namespace tppo {

// defaults: sets size and the documented defaults; every pointer becomes NULL.
// check: TPPO_OK or the status of the first fault, with its message; fills in strides given as 0. size itself has been checked.
// shapes_only: for size queries, pointers are not looked at.

void defaults(tppo_token_log_probs_args& args);
int32_t check(tppo_token_log_probs_args& args, int32_t device, bool shapes_only);

void defaults(tppo_policy_loss_args& args);
int32_t check(tppo_policy_loss_args& args, int32_t device, bool shapes_only);

void defaults(tppo_nll_loss_args& args);
int32_t check(tppo_nll_loss_args& args, int32_t device, bool shapes_only);

void defaults(tppo_linear_args& args);
int32_t check(LinearArgs<tppo_token_log_probs_args>& args, int32_t device, bool shapes_only);
int32_t check(LinearArgs<tppo_policy_loss_args>& args, int32_t device, bool shapes_only);
int32_t check(LinearArgs<tppo_nll_loss_args>& args, int32_t device, bool shapes_only);

void defaults(tppo_shape_rewards_args& args);
int32_t check(tppo_shape_rewards_args& args, int32_t device, bool shapes_only);

void defaults(tppo_gae_args& args);
int32_t check(tppo_gae_args& args, int32_t device, bool shapes_only);

void defaults(tppo_whiten_args& args);
int32_t check(tppo_whiten_args& args, int32_t device, bool shapes_only);

int32_t check(TokenAdvantagesArgs& args, int32_t device, bool shapes_only);

void defaults(tppo_reward_model_loss_args& args);
int32_t check(tppo_reward_model_loss_args& args, int32_t device, bool shapes_only);

void defaults(tppo_balance_mask_args& args);
int32_t check(tppo_balance_mask_args& args, int32_t device, bool shapes_only);

void defaults(tppo_value_loss_args& args);
int32_t check(tppo_value_loss_args& args, int32_t device, bool shapes_only);

void defaults(tppo_dpo_loss_args& args);
int32_t check(tppo_dpo_loss_args& args, int32_t device, bool shapes_only);

void defaults(tppo_global_norm_args& args);
int32_t check(tppo_global_norm_args& args, int32_t device, bool shapes_only);

void defaults(tppo_scale_args& args);
int32_t check(tppo_scale_args& args, int32_t device, bool shapes_only);

void defaults(tppo_adamw_args& args);
int32_t check(tppo_adamw_args& args, int32_t device, bool shapes_only);

void defaults(tppo_decoder_args& args);
int32_t check(tppo_decoder_args& args, int32_t device, bool shapes_only);
/// The sizes of the model and of its cache only; floats receives those of the cache.
int32_t check_cache(const char* operation, const tppo_decoder_args& args, int64_t* floats);

void defaults(tppo_sample_tokens_args& args);
int32_t check(tppo_sample_tokens_args& args, int32_t device, bool shapes_only);

}  // namespace tppo
