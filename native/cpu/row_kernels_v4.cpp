// SPDX-License-Identifier: Apache-2.0
// Row kernels for x86-64-v4 (AVX-512).
#if defined(__x86_64__)
#define TPPO_ROW_KERNELS row_kernels_v4
#include "row_kernels.inl"
#endif
