// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#dpoLoss}; appendix H.
 *
 * @param beta strength of the implicit KL constraint; greater than 0, default 0.1
 * @param normalizer what the sum over pairs is divided by; 0 (default) = pairs of this call
 */
public record DpoLossOptions(
    double beta, double normalizer) {

  public DpoLossOptions {
    Checks.require(beta > 0, "beta must be greater than 0, is " + beta);
    Checks.require(normalizer >= 0, "normalizer must not be negative, is " + normalizer);
  }

  private static final DpoLossOptions DEFAULTS =
      new DpoLossOptions(0.1, 0);

  /** Returns the documented defaults. */
  public static DpoLossOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code beta} replaced. */
  public DpoLossOptions withBeta(double value) {
    return new DpoLossOptions(value, normalizer);
  }

  /** Returns a copy with {@code normalizer} replaced. */
  public DpoLossOptions withNormalizer(double value) {
    return new DpoLossOptions(beta, value);
  }
}
