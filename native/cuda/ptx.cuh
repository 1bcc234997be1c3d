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

/// blockIdx.x, read anew by each call: what is worked out from it again need not be kept in registers meanwhile.
__device__ __forceinline__ uint32_t block_index() {
  uint32_t index;
  asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(index));
  return index;
}
/// Makes the compiler forget what it has worked out from v, so that it works it out again and does not keep it in registers.
__device__ __forceinline__ void forget(uint4& v) { asm volatile("" : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)); }

// Kernels of a stream that overlap: compute capability 9.0 and newer. Elsewhere one begins when the one before it has ended.

/// Waits until the kernel before this one has ended and all it wrote can be read.
__device__ __forceinline__ void after_previous_kernel() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/// The blocks of the next kernel, if it is one that follows, may begin once all blocks of this one have come here or ended.
__device__ __forceinline__ void next_kernel_may_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Copies that run while the thread computes.

/// Starts copying `bytes` (0 to 16) bytes from global to shared memory and filling up to 16 with 0. Both addresses lie on 16-byte boundaries;
/// `from` is not read with 0 bytes.
__device__ __forceinline__ void copy_async(void* to_shared, const void* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(static_cast<uint32_t>(__cvta_generic_to_shared(to_shared))), "l"(from), "r"(bytes)
               : "memory");
}
/// All 16 of them, with fewer instructions.
__device__ __forceinline__ void copy_async(void* to_shared, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(static_cast<uint32_t>(__cvta_generic_to_shared(to_shared))), "l"(from) : "memory");
}
/// Closes a group of the calling thread's copies.
__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Waits for the calling thread's groups but the last PENDING.
template <int PENDING>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// Clusters: compute capability 9.0 and newer. Kernels for older devices are compiled too, with calls that are never reached there.

/// Barrier of all threads of the cluster, in two halves between which a thread need not wait; what threads wrote before they arrived, to shared
/// memory of other blocks too, is seen after the wait.
__device__ __forceinline__ void cluster_arrive() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}
__device__ __forceinline__ void cluster_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
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
