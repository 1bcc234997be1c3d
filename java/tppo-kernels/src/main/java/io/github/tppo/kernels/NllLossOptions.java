// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#nllLoss}.
 *
 * @param temperature divides the logits; greater than 0, default 1
 * @param normalizer what the sum is divided by; 0 (default) is the sum of the weights of this call
 * @param zeroBadRows gradient rows of bad rows are 0 instead of NaN; default false
 */
public record NllLossOptions(
    double temperature, double normalizer, boolean zeroBadRows) {

  public NllLossOptions {
    Checks.require(temperature > 0, "temperature must be greater than 0, is " + temperature);
    Checks.require(normalizer >= 0, "normalizer must not be negative, is " + normalizer);
  }

  private static final NllLossOptions DEFAULTS =
      new NllLossOptions(1, 0, false);

  /** Returns the documented defaults. */
  public static NllLossOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code temperature} replaced. */
  public NllLossOptions withTemperature(double value) {
    return new NllLossOptions(value, normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code normalizer} replaced. */
  public NllLossOptions withNormalizer(double value) {
    return new NllLossOptions(temperature, value, zeroBadRows);
  }

  /** Returns a copy with {@code zeroBadRows} replaced. */
  public NllLossOptions withZeroBadRows(boolean value) {
    return new NllLossOptions(temperature, normalizer, value);
  }
}
