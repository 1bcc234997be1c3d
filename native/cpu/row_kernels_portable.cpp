// SPDX-License-Identifier: Apache-2.0
// Row kernels for every CPU of this architecture.
#define TPPO_VECTOR_BYTES 16
#define TPPO_ROW_KERNELS row_kernels_portable
#include "row_kernels.inl"
