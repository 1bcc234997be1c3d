// SPDX-License-Identifier: Apache-2.0
// Kernels of the matrix products for x86-64-v3 (AVX2, FMA; 16 registers).
#if defined(__x86_64__)
#define TPPO_VECTOR_BYTES 32
#define TPPO_TILE_ROWS 6
#define TPPO_GEMM_KERNELS gemm_kernels_v3
#include "gemm_kernels.inl"
#endif
