// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

/**
 * Settings of {@link AdamW}.
 *
 * @param beta1 decay of the first moment, in [0, 1)
 * @param beta2 decay of the second moment, in [0, 1)
 * @param epsilon added to the denominator
 * @param weightDecay decoupled weight decay
 * @param maxGradNorm norm of all gradients together above which they are scaled down; 0 = never
 * @param decayVectors whether weight decay also applies to norms and biases (tensors of one dimension)
 */
public record AdamWOptions(
    double beta1, double beta2, double epsilon, double weightDecay, double maxGradNorm, boolean decayVectors) {

  private static final AdamWOptions DEFAULTS = new AdamWOptions(0.9, 0.999, 1e-8, 0.01, 1.0, false);

  public AdamWOptions {
    if (!(maxGradNorm >= 0) || Double.isInfinite(maxGradNorm)) {
      throw new IllegalArgumentException("maxGradNorm must be at least 0, is " + maxGradNorm);
    }
    // the kernel's options refuse what is out of range
    new io.github.tppo.kernels.AdamWOptions(0, beta1, beta2, epsilon, weightDecay);
  }

  /** Betas 0.9 and 0.999, epsilon 1e-8, weight decay 0.01 on matrices only, clipping at norm 1. */
  public static AdamWOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code weightDecay} replaced. */
  public AdamWOptions withWeightDecay(double value) {
    return new AdamWOptions(beta1, beta2, epsilon, value, maxGradNorm, decayVectors);
  }

  /** Returns a copy with {@code maxGradNorm} replaced. */
  public AdamWOptions withMaxGradNorm(double value) {
    return new AdamWOptions(beta1, beta2, epsilon, weightDecay, value, decayVectors);
  }

  /** Returns a copy with {@code beta2} replaced. */
  public AdamWOptions withBeta2(double value) {
    return new AdamWOptions(beta1, value, epsilon, weightDecay, maxGradNorm, decayVectors);
  }

  /** Options of the kernel for one tensor. */
  io.github.tppo.kernels.AdamWOptions kernelOptions(double learningRate, boolean decay) {
    return new io.github.tppo.kernels.AdamWOptions(learningRate, beta1, beta2, epsilon, decay ? weightDecay : 0);
  }
}
