// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;
import io.github.tppo.kernels.internal.tppo_cuda_device;
import java.util.ArrayList;
import java.util.List;

/**
 * What the native library is and what it found on this machine.
 *
 * @param version of the native library, "major.minor.patch"
 * @param buildId hash of the native sources and the variant
 * @param variant "cpu" or "cuda13": what was compiled in, not what this machine can run
 * @param file the file of the binding that was loaded
 * @param cpuIsa instruction set of the CPU kernels in use: "x86-64-v4-bf16", "x86-64-v4", "x86-64-v3", "neon" or "portable"
 * @param cpuIsas those that this machine and build offer, best first; see {@link Kernels#setCpuIsa}
 * @param threads CPU threads that calls use
 * @param cudaDevices usable CUDA devices, empty if there is none
 * @param cudaUnavailableReason why {@code cudaDevices} is empty, in words; "" if it is not
 */
public record KernelInfo(String version, String buildId, String variant, String file, String cpuIsa,
    List<String> cpuIsas, int threads, List<CudaDevice> cudaDevices, String cudaUnavailableReason) {

  /**
   * A CUDA device.
   *
   * @param index ordinal
   * @param name product name
   * @param capability compute capability, "9.0"
   * @param totalMemory bytes
   * @param freeMemory bytes, when asked
   * @param multiprocessors their number
   * @param driverVersion CUDA version of the driver, "13.0"
   * @param runtimeVersion CUDA version linked in, "13.0"
   */
  public record CudaDevice(int index, String name, String capability, long totalMemory, long freeMemory,
      int multiprocessors, String driverVersion, String runtimeVersion) {}

  /**
   * Asks the native library.
   *
   * @throws UnsatisfiedLinkError it cannot be loaded; the message says why
   */
  public static KernelInfo query() {
    NativeLibrary.load();
    List<CudaDevice> devices = new ArrayList<>();
    int count = Tppo.tppo_cuda_device_count();
    for (int i = 0; i < count; i++) {
      devices.add(describe(i));
    }
    return new KernelInfo(
        Tppo.tppo_version().getString(), Tppo.tppo_build_id().getString(), Tppo.tppo_variant().getString(),
        NativeLibrary.file(), Tppo.tppo_cpu_isa().getString(), NativeLibrary.cpuIsas(),
        Tppo.tppo_get_threads(), List.copyOf(devices), Tppo.tppo_cuda_unavailable_reason().getString());
  }

  private static CudaDevice describe(int index) {
    try (tppo_cuda_device info = new tppo_cuda_device()) {
      info.size(info.sizeof());
      Status.check(Tppo.tppo_cuda_device_info(index, info));
      return new CudaDevice(index, info.name().getString(),
          info.capability_major() + "." + info.capability_minor(), info.total_memory(), info.free_memory(),
          info.multiprocessors(), cudaVersion(info.driver_version()), cudaVersion(info.runtime_version()));
    }
  }

  /** CUDA numbers versions 1000 * major + 10 * minor. */
  private static String cudaVersion(int number) {
    return number / 1000 + "." + number % 1000 / 10;
  }
}
