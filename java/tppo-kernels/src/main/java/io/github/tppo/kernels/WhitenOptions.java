// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#whiten}.
 *
 * @param unbiased whether the variance is divided by n - 1; default true
 * @param keepMean whether the mean is added back; default false
 * @param epsilon added to the variance; at least 0, default 1e-8
 */
public record WhitenOptions(
    boolean unbiased, boolean keepMean, double epsilon) {

  public WhitenOptions {
    Checks.require(epsilon >= 0, "epsilon must not be negative, is " + epsilon);
  }

  private static final WhitenOptions DEFAULTS =
      new WhitenOptions(true, false, 1e-8);

  /** Returns the documented defaults. */
  public static WhitenOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code unbiased} replaced. */
  public WhitenOptions withUnbiased(boolean value) {
    return new WhitenOptions(value, keepMean, epsilon);
  }

  /** Returns a copy with {@code keepMean} replaced. */
  public WhitenOptions withKeepMean(boolean value) {
    return new WhitenOptions(unbiased, value, epsilon);
  }

  /** Returns a copy with {@code epsilon} replaced. */
  public WhitenOptions withEpsilon(double value) {
    return new WhitenOptions(unbiased, keepMean, value);
  }
}
