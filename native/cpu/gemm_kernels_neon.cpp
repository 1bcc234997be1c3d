// SPDX-License-Identifier: Apache-2.0
// Kernels of the matrix products for 64-bit ARM (NEON; 32 registers).
#if defined(__aarch64__)
#define TPPO_GEMM_NEON
#define TPPO_VECTOR_BYTES 16
#define TPPO_TILE_ROWS 12
#define TPPO_GEMM_KERNELS gemm_kernels_neon
#include "gemm_kernels.inl"
#endif
