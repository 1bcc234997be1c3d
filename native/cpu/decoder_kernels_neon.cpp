// SPDX-License-Identifier: Apache-2.0
// The decoder's kernels for 64-bit ARM, where NEON is always there.
#if defined(__aarch64__)
#define TPPO_DECODER_KERNELS decoder_kernels_neon
#include "decoder_kernels.inl"
#endif
