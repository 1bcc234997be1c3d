// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import io.github.tppo.run.OptimizerConfig.Schedule;

/** Direct preference optimisation, a baseline: the true queries are preferred to what the SFT policy sampled (appendix H). */
public record DpoConfig(
    @Doc("Passes over the pairs of true queries and sample") double epochs,
    @Doc("Most optimiser steps, 0 = no bound") int maxSteps,
    @Doc("Pairs in an optimiser step") int batchSize,
    @Doc("Strength of the implicit KL constraint against the SFT policy") double beta,
    @Doc("Optimiser steps between two measurements of the judge's score on validation users; 0 = never") int evalEvery,
    ComputeConfig compute,
    OptimizerConfig optimizer) {

  public DpoConfig {
    Check.notNegative("epochs", epochs);
    Check.notNegative("max_steps", maxSteps);
    Check.atLeast("batch_size", batchSize, 1);
    Check.positiveSetting("beta", beta);
    Check.notNegative("eval_every", evalEvery);
  }

  /** The paper's settings of appendix H, in passes of 16 sequences; beta is not printed there, 0.1 is TRL's default. */
  public static DpoConfig defaults() {
    return new DpoConfig(2, 0, 64, 0.1, 20, ComputeConfig.defaults().withMicroBatchSize(16),
        OptimizerConfig.of(5e-6, 10, Schedule.LINEAR));
  }
}
