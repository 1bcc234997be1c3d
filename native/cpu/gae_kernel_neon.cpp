// SPDX-License-Identifier: Apache-2.0
// Advantage kernel for 64-bit ARM.
#if defined(__aarch64__)
#define TPPO_GAE_KERNEL gae_kernel_neon
#include "gae_kernel.inl"
#endif
