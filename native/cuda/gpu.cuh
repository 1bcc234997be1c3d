// SPDX-License-Identifier: Apache-2.0
// The only places, with ptx.cuh, where kernels touch CUDA itself: launches, streaming accesses, single instructions, errors.
// Everything else in cuda/ is plain C++ over indices, warp shuffles and barriers.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "../math/hd.h"
#include "cuda_backend.h"
#if defined(__CUDACC__)
#include "ptx.cuh"
#else
#include "../simt/ptx.h"  // the tests run the kernels on the host
#endif

namespace tppo::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

/// a b, rounded by itself: the compiler may not fold it into a following addition. Where the same sum is formed by several lanes or
/// several kernels and must have the same bits.
__device__ __forceinline__ float product(float a, float b) { return __fmul_rn(a, b); }

/// 16 bytes that will be read again soon: kept in the caches as long as possible.
__device__ __forceinline__ uint4 load_keep(const uint4* p) { return __ldca(p); }
/// 16 bytes that the kernel does not read again: first to leave the caches.
__device__ __forceinline__ uint4 load_stream(const uint4* p) { return __ldcs(p); }
/// The same for 16 bytes that are written.
__device__ __forceinline__ void store_stream(uint4* p, const uint4& v) { __stcs(p, v); }

/// The 32 bits that start `bits` (0 to 31) bits into the 64 bits high:low.
__device__ __forceinline__ uint32_t funnel_right(uint32_t low, uint32_t high, uint32_t bits) {
  return __funnelshift_r(low, high, bits);
}

/// Two floats rounded to bfloat16 (nearest even), `low` in the lower half.
__device__ __forceinline__ uint32_t pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  uint32_t bits;
  memcpy(&bits, &pair, sizeof bits);
  return bits;
}

/// Sets the message "OPERATION: what CUDA says" and returns the status for it; TPPO_OK for cudaSuccess.
int32_t cuda_status(const char* operation, cudaError_t error);

/// Makes a device current and gives the thread its former device back at the end: the caller's other libraries rely on it.
class DeviceScope {
 public:
  explicit DeviceScope(int32_t device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;
  cudaError_t error() const { return error_; }

 private:
  int former_ = -1;
  cudaError_t error_;
};

struct Grid {
  int64_t blocks;
  int threads;
  size_t shared_bytes;
  int cluster = 1;  // blocks that run together and reach one another's shared memory; more than 1 from capability 9.0 on
  bool follows = false;

  /// For a kernel that begins with after_previous_kernel(): its blocks may start before the stream's previous kernel has ended, whoever launched
  /// that, and wait there until it has. This hides what a launch costs.
  Grid following() const {
    Grid grid = *this;
    grid.follows = true;
    return grid;
  }
};

/// Bytes of shared memory that a block gets without asking for more.
constexpr size_t kSharedForAll = 48 * 1024;

/// The launches of one call, in order on the call's stream. After a failure the rest are skipped; status() tells.
class Launcher {
 public:
  Launcher(const char* operation, const Call& call);

  template <typename... Parameters, typename... Arguments>
  void operator()(void (*kernel)(Parameters...), const Grid& grid, const Arguments&... arguments) {
    if (error_ != cudaSuccess) return;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(static_cast<unsigned>(grid.blocks));
    config.blockDim = dim3(static_cast<unsigned>(grid.threads));
    config.dynamicSmemBytes = grid.shared_bytes;
    config.stream = stream_;
    cudaLaunchAttribute attributes[2] = {};
    config.attrs = attributes;
    if (grid.cluster > 1) {
      cudaLaunchAttribute& cluster = attributes[config.numAttrs++];
      cluster.id = cudaLaunchAttributeClusterDimension;
      cluster.val.clusterDim.x = static_cast<unsigned>(grid.cluster);
      cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    }
    if (grid.follows && capability_major_ >= 9) {
      cudaLaunchAttribute& follows = attributes[config.numAttrs++];
      follows.id = cudaLaunchAttributeProgrammaticStreamSerialization;
      follows.val.programmaticStreamSerializationAllowed = 1;
    }
    // The most there is, whatever this launch needs: the limit belongs to the kernel, and another thread may launch it with more.
    if (grid.shared_bytes > kSharedForAll) error_ = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most_shared_bytes_);
    if (error_ != cudaSuccess) return;
    error_ = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
  }

  /// For work that is enqueued by others.
  bool ok() const { return error_ == cudaSuccess; }
  int32_t device() const { return current_; }
  cudaStream_t stream() const { return stream_; }

  int multiprocessors() const { return multiprocessors_; }
  bool has_clusters() const { return capability_major_ >= 9; }
  int most_shared_bytes() const { return most_shared_bytes_; }  // of a block
  int32_t status() const { return cuda_status(operation_, error_); }

 private:
  const char* operation_;
  int32_t current_;
  DeviceScope device_;
  cudaStream_t stream_;
  cudaError_t error_;
  int multiprocessors_ = 1;
  int capability_major_ = 0;
  int most_shared_bytes_ = 0;
};

/// Hands out parts of the workspace. Without a Call it only measures, so one function describes the layout to both the size query and
/// the call.
class Workspace {
 public:
  Workspace() = default;
  explicit Workspace(const Call& call) : base_(static_cast<char*>(align_up(call.workspace, kAlignment))) {}

  template <typename T>
  T* take(int64_t count) {
    T* p = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + used_);
    used_ += (static_cast<uint64_t>(count) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return p;
  }

  /// What the size query answers: the parts and the room to align the first.
  uint64_t bytes() const { return used_ == 0 ? 0 : used_ + kAlignment - 1; }

 private:
  static constexpr uint64_t kAlignment = 16;
  char* base_ = nullptr;
  uint64_t used_ = 0;
};

}  // namespace tppo::cuda
