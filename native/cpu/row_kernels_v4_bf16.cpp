// SPDX-License-Identifier: Apache-2.0
// Row kernels for x86-64-v4 with AVX512-BF16, which rounds to bfloat16 in one instruction (and to 0 below the normal numbers).
#if defined(__x86_64__)
#define TPPO_ROW_KERNELS row_kernels_v4_bf16
#include "row_kernels.inl"
#endif
