// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#adamW}.
 *
 * @param learningRate default 5e-6 (the policy of the paper)
 * @param beta1 decay of the first moment, in [0, 1); default 0.9
 * @param beta2 decay of the second moment, in [0, 1); default 0.999
 * @param epsilon added to the denominator; default 1e-8
 * @param weightDecay decoupled weight decay; default 0.01
 */
public record AdamWOptions(
    double learningRate, double beta1, double beta2, double epsilon, double weightDecay) {

  public AdamWOptions {
    Checks.require(learningRate >= 0, "learningRate must not be negative, is " + learningRate);
    Checks.require(beta1 >= 0 && beta1 < 1, "beta1 must be in [0, 1), is " + beta1);
    Checks.require(beta2 >= 0 && beta2 < 1, "beta2 must be in [0, 1), is " + beta2);
    Checks.require(epsilon >= 0, "epsilon must not be negative, is " + epsilon);
    Checks.require(weightDecay >= 0, "weightDecay must not be negative, is " + weightDecay);
  }

  private static final AdamWOptions DEFAULTS =
      new AdamWOptions(5e-6, 0.9, 0.999, 1e-8, 0.01);

  /** Returns the documented defaults. */
  public static AdamWOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code learningRate} replaced. */
  public AdamWOptions withLearningRate(double value) {
    return new AdamWOptions(value, beta1, beta2, epsilon, weightDecay);
  }

  /** Returns a copy with {@code beta1} replaced. */
  public AdamWOptions withBeta1(double value) {
    return new AdamWOptions(learningRate, value, beta2, epsilon, weightDecay);
  }

  /** Returns a copy with {@code beta2} replaced. */
  public AdamWOptions withBeta2(double value) {
    return new AdamWOptions(learningRate, beta1, value, epsilon, weightDecay);
  }

  /** Returns a copy with {@code epsilon} replaced. */
  public AdamWOptions withEpsilon(double value) {
    return new AdamWOptions(learningRate, beta1, beta2, value, weightDecay);
  }

  /** Returns a copy with {@code weightDecay} replaced. */
  public AdamWOptions withWeightDecay(double value) {
    return new AdamWOptions(learningRate, beta1, beta2, epsilon, value);
  }
}
