// SPDX-License-Identifier: Apache-2.0
// The recurrence as it is defined, in double: what the others are compared with.
#include "../math/gae.h"

#include "gae_kernel.h"

namespace tppo::cpu {

void gae_kernel_portable(const GaeBatch& s, int64_t first, int64_t last) {
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

}  // namespace tppo::cpu
