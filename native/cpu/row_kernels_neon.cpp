// SPDX-License-Identifier: Apache-2.0
// Row kernels for 64-bit ARM, where NEON is always there.
#if defined(__aarch64__)
#define TPPO_ROW_KERNELS row_kernels_neon
#include "row_kernels.inl"
#endif
