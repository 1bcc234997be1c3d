// SPDX-License-Identifier: Apache-2.0
// Kernels of the matrix products for any processor, each product rounded before it is added.
#define TPPO_VECTOR_BYTES 16
#define TPPO_TILE_ROWS 6
#define TPPO_GEMM_KERNELS gemm_kernels_portable
#include "gemm_kernels.inl"
