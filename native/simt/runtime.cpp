// SPDX-License-Identifier: Apache-2.0
// The runtime API, for one device whose work is done when a call returns.
#include <stdio.h>
#include <stdlib.h>

#include <map>

#include "device.h"
#include "device_memory.h"

namespace simt {
namespace {

cudaError_t last_error = cudaSuccess;

int number(const char* variable, int otherwise) {
  const char* const text = getenv(variable);
  return text == nullptr ? otherwise : atoi(text);
}

int capability() {
  static const int value = number("TPPO_SIMT_CAPABILITY", 90);
  return value;
}

int multiprocessors() {
  static const int value = number("TPPO_SIMT_SMS", 3);
  return value;
}

constexpr size_t kSharedByDefault = 48 * 1024;

struct Limits {
  size_t shared = kSharedByDefault;
  bool large_clusters = false;
};
std::map<const void*, Limits> kernel_limits;

}  // namespace

size_t largest_shared_bytes() {
  const int c = capability();
  return (c == 80 ? 163 : c < 90 || c >= 120 ? 99 : 227) * size_t{1024};
}

bool fits_device(const cudaLaunchConfig_t& config, const void* kernel, unsigned* cluster) {
  const Limits limits = kernel_limits[kernel];
  for (unsigned i = 0; i < config.numAttrs; ++i)
    if (config.attrs[i].id == cudaLaunchAttributeClusterDimension) *cluster = config.attrs[i].val.clusterDim.x;
  const dim3 &g = config.gridDim, &b = config.blockDim;
  if (g.x == 0 || g.x > 0x7fffffffu || g.y != 1 || g.z != 1) return false;  // the kernels have flat grids
  if (b.x == 0 || b.y == 0 || b.z == 0 || uint64_t{b.x} * b.y * b.z > 1024) return false;
  if (config.dynamicSmemBytes > limits.shared) return false;
  if (*cluster == 0 || g.x % *cluster != 0) return false;
  return *cluster == 1 || (capability() >= 90 && *cluster <= (limits.large_clusters ? 16u : 8u));
}

cudaError_t set_last_error(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

}  // namespace simt

using simt::set_last_error;

cudaError_t cudaGetLastError() {
  const cudaError_t error = simt::last_error;
  simt::last_error = cudaSuccess;
  return error;
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
  }
  return "unknown";
}

const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) { return set_last_error(device == 0 ? cudaSuccess : cudaErrorInvalidDevice); }

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device != 0) return set_last_error(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = simt::multiprocessors(); return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor: *value = simt::capability() / 10; return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor: *value = simt::capability() % 10; return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = static_cast<int>(simt::largest_shared_bytes()); return cudaSuccess;
  }
  return set_last_error(cudaErrorInvalidValue);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return set_last_error(cudaErrorInvalidDevice);
  snprintf(properties->name, sizeof properties->name, "SIMT on fibers");
  properties->major = simt::capability() / 10;
  properties->minor = simt::capability() % 10;
  properties->multiProcessorCount = simt::multiprocessors();
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  *total_bytes = simt::kDeviceBytes;
  *free_bytes = simt::kDeviceBytes - simt::allocated_bytes();
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** address, size_t bytes) {
  *address = bytes == 0 ? nullptr : simt::allocate(bytes, 256);
  return set_last_error(bytes > 0 && *address == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

cudaError_t cudaFree(void* address) {
  return set_last_error(address == nullptr || simt::release(address) ? cudaSuccess : cudaErrorInvalidValue);
}

/// At the smallest alignment that the size allows, so that not a byte lies between its end and the page without access.
cudaError_t cudaHostAlloc(void** address, size_t bytes, unsigned) {
  *address = simt::allocate(bytes, 1);
  return set_last_error(*address == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

cudaError_t cudaFreeHost(void* address) { return cudaFree(address); }

cudaError_t cudaMemcpyAsync(void* destination, const void* source, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  memcpy(destination, source, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* destination, int value, size_t bytes, cudaStream_t) {
  memset(destination, value, bytes);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

cudaError_t simt_func_set_attribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  simt::Limits& limits = simt::kernel_limits[kernel];
  if (attribute == cudaFuncAttributeNonPortableClusterSizeAllowed) {
    limits.large_clusters = value != 0;
  } else {
    if (value < 0 || static_cast<size_t>(value) > simt::largest_shared_bytes()) return set_last_error(cudaErrorInvalidValue);
    limits.shared = static_cast<size_t>(value) > simt::kSharedByDefault ? static_cast<size_t>(value) : simt::kSharedByDefault;
  }
  return cudaSuccess;
}
