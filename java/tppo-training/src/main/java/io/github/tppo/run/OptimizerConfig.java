// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** AdamW and its learning-rate schedule, the same settings for every model that is trained (SPEC 6). */
public record OptimizerConfig(
    @Doc("Peak learning rate") double learningRate,
    @Doc("Steps over which the rate rises linearly from 0 to its peak") int warmupSteps,
    @Doc("What the rate does after the warm-up: constant, linear (to 0) or cosine (to 0)") Schedule schedule,
    @Doc("First-moment decay") double beta1,
    @Doc("Second-moment decay") double beta2,
    @Doc("Added to the root of the second moment") double epsilon,
    @Doc("Decoupled weight decay of matrices; norms, biases and vectors have none") double weightDecay,
    @Doc("Global gradient norm above which gradients are scaled down") double maxGradNorm) {

  /** Shape of the learning rate after the warm-up. */
  public enum Schedule { CONSTANT, LINEAR, COSINE }

  public OptimizerConfig {
    Check.positiveSetting("learning_rate", learningRate);
    Check.notNegative("warmup_steps", warmupSteps);
    Check.require(beta1 >= 0 && beta1 < 1, "beta1", beta1, "a number of at least 0 and below 1");
    Check.require(beta2 >= 0 && beta2 < 1, "beta2", beta2, "a number of at least 0 and below 1");
    Check.positiveSetting("epsilon", epsilon);
    Check.setting("weight_decay", weightDecay);
    Check.positiveSetting("max_grad_norm", maxGradNorm);
  }

  /** Defaults of SPEC 6 around the given rate: a short warm-up, then constant. */
  public static OptimizerConfig of(double learningRate, int warmupSteps, Schedule schedule) {
    return new OptimizerConfig(learningRate, warmupSteps, schedule, 0.9, 0.999, 1e-8, 0.01, 1.0);
  }

  /** The learning rate of a step (0-based) of {@code totalSteps}. */
  public double rate(long step, long totalSteps) {
    if (step < warmupSteps) {
      return learningRate * (step + 1) / warmupSteps;
    }
    double done = totalSteps <= warmupSteps ? 1 : (double) (step - warmupSteps) / (totalSteps - warmupSteps);
    return switch (schedule) {
      case CONSTANT -> learningRate;
      case LINEAR -> learningRate * (1 - done);
      case COSINE -> learningRate * 0.5 * (1 + Math.cos(Math.PI * done));
    };
  }
}
