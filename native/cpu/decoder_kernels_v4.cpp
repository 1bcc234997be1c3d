// SPDX-License-Identifier: Apache-2.0
// The decoder's kernels for x86-64-v4 (AVX-512).
#if defined(__x86_64__)
#define TPPO_DECODER_KERNELS decoder_kernels_v4
#include "decoder_kernels.inl"
#endif
