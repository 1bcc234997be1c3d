// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

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
    Workers.setThreads(context.config().threads());
  }
}
