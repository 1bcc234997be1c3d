// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.run.Backend;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.TppoConfig;

/** Where and with how many threads a stage computes. */
final class Compute {
  private Compute() {}

  /** Sets the number of threads, and refuses a device that training cannot use. */
  static void prepare(RunContext<TppoConfig> context) {
    if (context.backend() == Backend.CUDA) {
      throw new ConfigException("--backend cuda: the models are trained by libtorch for the CPU in this version; the kernels"
          + " alone run on CUDA (tppo verify kernels). Use --backend cpu");
    }
    int threads = context.config().threads();
    int used = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    // Parts of a batch run side by side, each on one thread, while libtorch and the kernels have one; otherwise the kernels have all.
    // Results do not depend on how many there are.
    Workers.setCount(used);
    Tensors.setThreads(1);
    Kernels.setThreads(used);
  }
}
