// SPDX-License-Identifier: Apache-2.0
// Kernels of the matrix products for x86-64-v4 (AVX-512; 32 registers).
#if defined(__x86_64__)
#define TPPO_VECTOR_BYTES 64
#define TPPO_TILE_ROWS 14
#define TPPO_GEMM_KERNELS gemm_kernels_v4
#include "gemm_kernels.inl"
#endif
