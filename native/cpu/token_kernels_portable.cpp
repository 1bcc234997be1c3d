// SPDX-License-Identifier: Apache-2.0
// The recurrence as it is defined, in double, and the rest without instructions of a kind of processor: what the others are compared with.
#include "token_kernels.h"

#include "../math/balance_mask.h"
#include "../math/gae.h"
#include "reward_model_loss_kernel.inl"
#include "shape_rewards_kernel.inl"
#include "value_loss_kernel.inl"
#include "whiten_kernel.inl"

namespace tppo::cpu {
namespace {

void gae(const GaeBatch& s, int64_t first, int64_t last) {
  for (int64_t b = last - 1; b >= first; --b) {
    const int64_t begin = s.cu_seqlens != nullptr ? s.cu_seqlens[b] : b * s.length;
    const int64_t end = s.cu_seqlens != nullptr ? s.cu_seqlens[b + 1] : begin + s.length;
    math::GaeCarry<double> carry{0.0, 0.0};
    for (int64_t i = end - 1; i >= begin; --i) {
      const bool valid = s.mask == nullptr || s.mask[i] != 0;
      if (valid) carry = math::gae_step<double>(s.gamma, s.lambda, s.rewards[i], s.values[i], carry);
      s.advantages[i] = valid ? static_cast<float>(carry.advantage) : 0.0f;
      if (s.returns != nullptr) s.returns[i] = valid ? static_cast<float>(carry.advantage + carry.value) : 0.0f;
    }
  }
}

void balance_words(uint32_t position, uint32_t sample, uint64_t step, uint64_t seed, int64_t n, uint32_t* words) {
  for (int64_t i = 0; i < n; ++i) words[i] = math::balance_word(position + static_cast<uint32_t>(i), sample, step, seed);
}

}  // namespace

const TokenKernels token_kernels_portable = {gae,        masked_sum,   masked_squares, whiten, shape_rewards, reward_model_means, reward_model_loss,
                                             value_loss, balance_words};

}  // namespace tppo::cpu
