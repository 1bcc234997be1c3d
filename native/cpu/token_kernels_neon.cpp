// SPDX-License-Identifier: Apache-2.0
// Token kernels for 64-bit ARM.
#if defined(__aarch64__)
#define TPPO_TOKEN_KERNELS token_kernels_neon
#include "token_kernels.inl"
#endif
