// SPDX-License-Identifier: Apache-2.0
// Advantage kernel for x86-64-v4 (AVX-512).
#if defined(__x86_64__)
#define TPPO_GAE_KERNEL gae_kernel_v4
#include "gae_kernel.inl"
#endif
