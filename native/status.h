// SPDX-License-Identifier: Apache-2.0
// How the code behind the C API reports a failure: a status and the calling thread's message.
#pragma once

#include "include/tppo.h"
#include "include/tppo_decoder.h"

namespace tppo {

/// Sets the message of the calling thread (printf format) and returns `status`.
__attribute__((format(printf, 2, 3))) int32_t fail(int32_t status, const char* format, ...);

/// Where a checked call runs. `stream` is a cudaStream_t for CUDA and unused on the CPU. `workspace` holds at least what the
/// backend's *_workspace function asked for; it may be unaligned.
struct Call {
  int32_t device;
  void* stream;
  void* workspace;
  uint64_t workspace_size;
};

/// Bytes of an element of TPPO_F32, TPPO_BF16 or TPPO_F16.
inline int64_t element_bytes(int32_t dtype) { return dtype == TPPO_F32 ? 4 : 2; }

/// The output layer and the loss behind it.
template <typename Loss>
struct LinearArgs {
  tppo_linear_args linear;
  Loss loss;
};

/// The three operations of tppo_token_advantages; `whitens` says whether there is a third.
struct TokenAdvantagesArgs {
  tppo_shape_rewards_args shape;
  tppo_gae_args gae;
  tppo_whiten_args whiten;
  bool whitens;
};

/// First address at or after p that is a multiple of `alignment` (a power of two). A workspace size must include alignment - 1 spare bytes.
inline void* align_up(void* p, uint64_t alignment) {
  return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(p) + alignment - 1) & ~static_cast<uintptr_t>(alignment - 1));
}

}  // namespace tppo
