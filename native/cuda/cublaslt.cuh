// SPDX-License-Identifier: Apache-2.0
// Matrix products by NVIDIA's cuBLASLt, where the user asks for it with TPPO_CUBLASLT=1 and libcublasLt.so.13 can be loaded. The library is
// looked for at run time: neither building nor loading this one needs it.
//
// Opt-in, though about twice as fast as our own on an H200: it chooses its kernel by the shape, so that bits depend on the chunks, and it keeps a
// handle and loads kernels at its first use, which the convention "nothing is allocated" rules out for us. Elements of 16 bits only.
#pragma once

#include "gemm.cuh"

namespace tppo::cuda {

/// Scratch that cublaslt_gemm needs; 0 where it is not in use, in which case it does nothing and returns false.
uint64_t cublaslt_scratch_bytes();

/// Enqueues the product and returns true, or returns false if cuBLASLt is not in use or has no algorithm for it. Rows that do not count are
/// not looked at. Only algorithms that add up each element in one order are admitted, so equal shapes and alignments give equal bits.
bool cublaslt_gemm(Launcher& launch, Product product, const Gemm<math::bf16>& g, void* scratch);
bool cublaslt_gemm(Launcher& launch, Product product, const Gemm<math::f16>& g, void* scratch);

}  // namespace tppo::cuda
