// SPDX-License-Identifier: Apache-2.0
// Everything that is written in PTX or that only nvcc understands, each a tiny function. native/simt/ptx.h has the twins with which the same
// kernels run on the host in the tests; whoever adds a function here adds its twin there.
#pragma once

#include <cuda_runtime.h>
#include <stdint.h>

/// Declares `name` as the block's dynamic shared memory, 16-byte aligned. At most once in a kernel, and the only way to shared memory.
#define TPPO_SHARED(type, name)                                      \
  extern __shared__ __align__(16) unsigned char tppo_shared_bytes[]; \
  type* const name = reinterpret_cast<type*>(tppo_shared_bytes)

namespace tppo::cuda {

/// 2^x, relative error about 2^-22; 0 for -inf, NaN for NaN.
__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// The larger of each half: two bfloat16 or two float16 numbers. A NaN is dropped when the other is a number.
__device__ __forceinline__ uint32_t max_bf16x2(uint32_t a, uint32_t b) {
  uint32_t r;
  asm("max.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
__device__ __forceinline__ uint32_t max_f16x2(uint32_t a, uint32_t b) {
  uint32_t r;
  asm("max.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}

/// The two float16 numbers of a word, exactly.
__device__ __forceinline__ void unpack_f16(uint32_t word, float& low, float& high) {
  asm("{\n.reg .b16 l, h;\nmov.b32 {l, h}, %2;\ncvt.f32.f16 %0, l;\ncvt.f32.f16 %1, h;\n}" : "=f"(low), "=f"(high) : "r"(word));
}
/// Two floats rounded to float16 (nearest even), `low` in the lower half.
__device__ __forceinline__ uint32_t pack_f16(float low, float high) {
  uint32_t word;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

/// Makes the compiler forget what it has worked out from v, so that it works it out again and does not keep it in registers.
__device__ __forceinline__ void forget(uint4& v) { asm volatile("" : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)); }

// Clusters: compute capability 9.0 and newer. Kernels for older devices are compiled too, with calls that are never reached there.

/// Barrier of all threads of the cluster; what they wrote before it, to shared memory of other blocks too, is seen after it.
__device__ __forceinline__ void cluster_sync() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

/// Stores to the place that `local`, in this block's shared memory, has in the shared memory of block `rank` of the cluster.
__device__ __forceinline__ void cluster_store(float* local, float value, uint32_t rank) {
#if __CUDA_ARCH__ >= 900
  uint32_t remote;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(local))), "r"(rank));
  asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(remote), "f"(value) : "memory");
#else
  (void)local, (void)value, (void)rank;
#endif
}

}  // namespace tppo::cuda
