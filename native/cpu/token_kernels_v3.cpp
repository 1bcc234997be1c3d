// SPDX-License-Identifier: Apache-2.0
// Token kernels for x86-64-v3 (AVX2, FMA).
#if defined(__x86_64__)
#define TPPO_TOKEN_KERNELS token_kernels_v3
#include "token_kernels.inl"
#endif
