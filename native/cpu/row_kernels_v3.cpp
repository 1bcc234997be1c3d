// SPDX-License-Identifier: Apache-2.0
// Row kernels for x86-64-v3 (AVX2, FMA).
#if defined(__x86_64__)
#define TPPO_ROW_KERNELS row_kernels_v3
#include "row_kernels.inl"
#endif
