// SPDX-License-Identifier: Apache-2.0
// Token kernels for x86-64-v4 (AVX-512).
#if defined(__x86_64__)
#define TPPO_TOKEN_KERNELS token_kernels_v4
#include "token_kernels.inl"
#endif
