// SPDX-License-Identifier: Apache-2.0
// Advantage kernel for x86-64-v3 (AVX2, FMA).
#if defined(__x86_64__)
#define TPPO_GAE_KERNEL gae_kernel_v3
#include "gae_kernel.inl"
#endif
