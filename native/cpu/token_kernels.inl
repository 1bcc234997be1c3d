// SPDX-License-Identifier: Apache-2.0
// The token kernels of one instruction set. The including file sets TPPO_TOKEN_KERNELS (the table's name) and is compiled for it.
#include "token_kernels.h"

#include "gae_kernel.inl"
#include "balance_mask_kernel.inl"
#include "reward_model_loss_kernel.inl"
#include "shape_rewards_kernel.inl"
#include "value_loss_kernel.inl"
#include "whiten_kernel.inl"

namespace tppo::cpu {

const TokenKernels TPPO_TOKEN_KERNELS = {gae,        masked_sum,   masked_squares, whiten, shape_rewards, reward_model_means, reward_model_loss,
                                         value_loss, balance_words};

}  // namespace tppo::cpu
