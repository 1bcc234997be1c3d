// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.model.AdamWOptions;
import io.github.tppo.run.OptimizerConfig;

/** The configuration's optimiser section as the optimiser's own options. */
public final class Optimizers {
  private Optimizers() {}

  /** Options without the learning rate, which every step is given. */
  public static AdamWOptions options(OptimizerConfig config) {
    return new AdamWOptions(config.beta1(), config.beta2(), config.epsilon(), config.weightDecay(), config.maxGradNorm(), false);
  }
}
