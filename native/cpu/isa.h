// SPDX-License-Identifier: Apache-2.0
// The kernels of the instruction set that this CPU offers.
#pragma once

#include <cstdint>

#include "decoder_kernels.h"
#include "gemm_kernels.h"
#include "row_kernels.h"
#include "token_kernels.h"

namespace tppo::cpu {

// Kernels in use. Take them once per call: another thread may change the choice.
const RowKernels& row_kernels();
const TokenKernels& token_kernels();
const GemmKernels& gemm_kernels();
const DecoderKernels& decoder_kernels();
/// "x86-64-v4-bf16", "x86-64-v4", "x86-64-v3", "neon" or "portable".
const char* isa_name();
/// Chooses by name, "auto" = the best; TPPO_INVALID_ARGUMENT or TPPO_UNSUPPORTED.
int32_t set_isa(const char* name);

}  // namespace tppo::cpu
