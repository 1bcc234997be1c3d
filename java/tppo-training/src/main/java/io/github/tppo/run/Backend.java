// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import io.github.tppo.kernels.KernelInfo;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

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
    return this == CPU ? CPU : choose(kernelsLack());
  }

  /**
   * Where models run, and the kernels with them: CUDA needs both our library's and libtorch's.
   *
   * @return {@code CPU} or {@code CUDA}
   * @throws ConfigException when CUDA was asked for and cannot be used; says why
   */
  public Backend forModels() {
    if (this == CPU) {
      return CPU;
    }
    String lack = kernelsLack();
    return choose(lack.isEmpty() ? libtorchLack() : lack);
  }

  private Backend choose(String lack) {
    if (this == CUDA && !lack.isEmpty()) {
      throw new ConfigException("--backend cuda: " + lack + "; give --backend cpu or auto (tppo doctor shows more)");
    }
    return lack.isEmpty() ? CUDA : CPU;
  }

  private static String kernelsLack() {
    KernelInfo info = KernelInfo.query();
    return info.cudaDevices().isEmpty() ? info.cudaUnavailableReason() : "";
  }

  private static String libtorchLack() {
    Loader.load(torch.class);
    return torch.cuda_is_available() ? ""
        : "libtorch has no CUDA here: it needs org.bytedeco:pytorch with the classifier of this platform ending in -gpu";
  }
}
