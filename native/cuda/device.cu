// SPDX-License-Identifier: Apache-2.0
// Devices, their memory, and errors of the CUDA runtime.
#include <stdio.h>

#include "gpu.cuh"

namespace tppo::cuda {
namespace {

/// The kernels are compiled for compute capability 8.0 (Ampere) and newer.
constexpr int kOldestMajor = 8;

struct Devices {
  int32_t count = 0;
  char reason[512] = "";
};

/// CUDA lists the most capable devices first, so the usable ones are the first `count`.
Devices find_devices() {
  Devices d;
  int driver = 0, listed = 0;
  cudaDriverGetVersion(&driver);
  const cudaError_t error = cudaGetDeviceCount(&listed);
  cudaGetLastError();
  const int major = CUDART_VERSION / 1000, minor = CUDART_VERSION % 1000 / 10;
  if (driver == 0) {
    snprintf(d.reason, sizeof d.reason, "no NVIDIA driver (libcuda.so.1) was found; this library needs one that supports CUDA %d.%d", major,
             minor);
  } else if (error == cudaErrorInsufficientDriver) {
    snprintf(d.reason, sizeof d.reason, "the NVIDIA driver supports CUDA %d.%d; this library needs CUDA %d.%d: install a newer driver",
             driver / 1000, driver % 1000 / 10, major, minor);
  } else if (error == cudaErrorNoDevice || (error == cudaSuccess && listed == 0)) {
    snprintf(d.reason, sizeof d.reason, "the NVIDIA driver lists no device (is CUDA_VISIBLE_DEVICES set?)");
  } else if (error != cudaSuccess) {
    snprintf(d.reason, sizeof d.reason, "the CUDA runtime did not start: %s (%s)", cudaGetErrorString(error), cudaGetErrorName(error));
  }
  if (d.reason[0] != '\0') return d;

  int capability_major = 0, capability_minor = 0;
  for (; d.count < listed; ++d.count) {
    if (cudaDeviceGetAttribute(&capability_major, cudaDevAttrComputeCapabilityMajor, d.count) != cudaSuccess ||
        cudaDeviceGetAttribute(&capability_minor, cudaDevAttrComputeCapabilityMinor, d.count) != cudaSuccess || capability_major < kOldestMajor)
      break;
  }
  if (d.count == 0)
    snprintf(d.reason, sizeof d.reason, "device 0 has compute capability %d.%d; this library needs %d.0 (Ampere) or newer", capability_major,
             capability_minor, kOldestMajor);
  return d;
}

const Devices& devices() {
  static const Devices found = find_devices();
  return found;
}

/// Runs `work` with the device current and reports its error under the name of the function.
template <typename Work>
int32_t on_device(const char* function, int32_t device, const Work& work) {
  DeviceScope scope(device);
  return cuda_status(function, scope.error() != cudaSuccess ? scope.error() : work());
}

}  // namespace

int32_t cuda_status(const char* operation, cudaError_t error) {
  if (error == cudaSuccess) return TPPO_OK;
  cudaGetLastError();  // an error that was reported here must not surface again in the caller's next CUDA call
  return fail(error == cudaErrorMemoryAllocation ? TPPO_OUT_OF_MEMORY : TPPO_CUDA_ERROR, "%s: %s (%s)", operation, cudaGetErrorString(error),
              cudaGetErrorName(error));
}

DeviceScope::DeviceScope(int32_t device) {
  int current = -1;
  error_ = cudaGetDevice(&current);
  if (error_ != cudaSuccess || current == device) return;
  error_ = cudaSetDevice(device);
  if (error_ == cudaSuccess) former_ = current;
}

DeviceScope::~DeviceScope() {
  if (former_ >= 0) cudaSetDevice(former_);
}

namespace {

/// Major capability of the code that a device of this major capability runs. The driver may have made it from PTX of an older one, in which what
/// needs a newer one was left out.
int code_capability(int device_major) {
#ifdef __CUDA_ARCH_LIST__
  int newest = 0;
  for (const int architecture : {__CUDA_ARCH_LIST__}) {
    const int major = architecture / 100;
    if (major <= device_major && major > newest) newest = major;
  }
  return newest;
#else
  return device_major;
#endif
}

}  // namespace

Launcher::Launcher(const char* operation, const Call& call)
    : operation_(operation), current_(call.device), device_(call.device), stream_(static_cast<cudaStream_t>(call.stream)), error_(device_.error()) {
  if (error_ == cudaSuccess) error_ = cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, call.device);
  if (error_ == cudaSuccess) error_ = cudaDeviceGetAttribute(&capability_major_, cudaDevAttrComputeCapabilityMajor, call.device);
  capability_major_ = code_capability(capability_major_);
  if (error_ == cudaSuccess) error_ = cudaDeviceGetAttribute(&most_shared_bytes_, cudaDevAttrMaxSharedMemoryPerBlockOptin, call.device);
}

int32_t device_count() { return devices().count; }

const char* unavailable_reason() { return devices().reason; }

int32_t device_info(int32_t device, tppo_cuda_device* info) {
  return on_device("tppo_cuda_device_info", device, [&] {
    cudaDeviceProp properties;
    cudaError_t error = cudaGetDeviceProperties(&properties, device);
    if (error != cudaSuccess) return error;
    size_t free_bytes = 0, total_bytes = 0;
    error = cudaMemGetInfo(&free_bytes, &total_bytes);
    if (error != cudaSuccess) return error;
    snprintf(info->name, sizeof info->name, "%s", properties.name);
    info->total_memory = total_bytes;
    info->free_memory = free_bytes;
    info->capability_major = properties.major;
    info->capability_minor = properties.minor;
    info->multiprocessors = properties.multiProcessorCount;
    info->reserved = 0;
    error = cudaDriverGetVersion(&info->driver_version);
    return error != cudaSuccess ? error : cudaRuntimeGetVersion(&info->runtime_version);
  });
}

int32_t alloc(int32_t device, uint64_t bytes, void** address) {
  return on_device("tppo_cuda_alloc", device, [&] { return cudaMalloc(address, bytes); });
}

int32_t release(int32_t device, void* address) {
  return on_device("tppo_cuda_free", device, [&] { return cudaFree(address); });
}

int32_t upload(int32_t device, void* destination, const void* source, uint64_t bytes, void* stream) {
  return on_device("tppo_cuda_upload", device, [&] {
    const cudaStream_t s = static_cast<cudaStream_t>(stream);
    const cudaError_t error = cudaMemcpyAsync(destination, source, bytes, cudaMemcpyHostToDevice, s);
    // From page-locked memory the copy would still be reading when the call returns.
    return error != cudaSuccess ? error : cudaStreamSynchronize(s);
  });
}

int32_t download(int32_t device, void* destination, const void* source, uint64_t bytes, void* stream) {
  return on_device("tppo_cuda_download", device, [&] {
    const cudaStream_t s = static_cast<cudaStream_t>(stream);
    const cudaError_t error = cudaMemcpyAsync(destination, source, bytes, cudaMemcpyDeviceToHost, s);
    return error != cudaSuccess ? error : cudaStreamSynchronize(s);
  });
}

int32_t synchronize(int32_t device, void* stream) {
  return on_device("tppo_cuda_synchronize", device, [&] { return cudaStreamSynchronize(static_cast<cudaStream_t>(stream)); });
}

}  // namespace tppo::cuda
