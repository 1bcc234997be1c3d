// SPDX-License-Identifier: Apache-2.0
// Advantages of some sequences. One function per instruction set: gae_kernel_*.cpp.
//
// Valid tokens are taken in blocks of a vector's width, counted back from the last valid one: which tokens share a block, and with it every bit
// of the result, depends on the valid tokens alone, not on padding, holes or packing. Within a block the recurrence is a scan in float32; from
// block to block it is carried in double, so that rounding does not grow with the length.
#pragma once

#include <cstdint>

namespace tppo::cpu {

struct GaeBatch {
  const float* rewards;
  const float* values;
  const uint8_t* mask;  // NULL: every token is valid
  float* advantages;    // may be rewards
  float* returns;       // may be values; NULL: not wanted
  const int32_t* cu_seqlens;  // NULL: every sequence has `length` tokens
  int64_t length;
  double gamma, lambda;
  bool past_caches;     // the outputs are too large for the caches, and not the inputs
};

/// The sequences from `first` to before `last`, from the last one to the first, so that the memory is walked in the direction of the tokens.
using GaeKernel = void (*)(const GaeBatch& batch, int64_t first, int64_t last);

void gae_kernel_portable(const GaeBatch& batch, int64_t first, int64_t last);
#if defined(__x86_64__)
void gae_kernel_v3(const GaeBatch& batch, int64_t first, int64_t last);
void gae_kernel_v4(const GaeBatch& batch, int64_t first, int64_t last);
#elif defined(__aarch64__)
void gae_kernel_neon(const GaeBatch& batch, int64_t first, int64_t last);
#endif

}  // namespace tppo::cpu
