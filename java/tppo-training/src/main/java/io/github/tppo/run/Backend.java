// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import io.github.tppo.kernels.KernelInfo;

/** Where to compute, as a user asks for it. */
public enum Backend {
  /** A CUDA device when one can be used, else the CPU. */
  AUTO,
  /** The CPU. */
  CPU,
  /** A CUDA device; an error when none can be used. */
  CUDA;

  /**
   * Where kernels run.
   *
   * @return {@code CPU} or {@code CUDA}
   * @throws ConfigException when CUDA was asked for and cannot be used; says why
   */
  public Backend forKernels() {
    if (this == CPU) {
      return CPU;
    }
    KernelInfo info = KernelInfo.query();
    boolean usable = !info.cudaDevices().isEmpty();
    if (this == CUDA && !usable) {
      throw new ConfigException("--backend cuda: " + info.cudaUnavailableReason()
          + "; give --backend cpu or auto (tppo doctor shows more)");
    }
    return usable ? CUDA : CPU;
  }
}
