// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#balanceMask}; section 3.3.
 *
 * @param rho the larger class keeps each token with probability {@code min(1, rho * smaller / larger)}; greater
 *     than 0, default 3
 * @param seed key of the random numbers; default 0
 * @param step counter of the random numbers: pass the training step; default 0
 * @param firstSample number of the first sample, so that micro-batches draw as the batch would; default 0
 * @param count1 tokens of class 1 in the whole batch; -1 (default) = counted in this call
 * @param count2 tokens of class 2 in the whole batch; -1 (default) = counted in this call
 */
public record BalanceMaskOptions(
    double rho, long seed, long step, long firstSample, long count1, long count2) {

  public BalanceMaskOptions {
    Checks.require(rho > 0, "rho must be greater than 0, is " + rho);
    Checks.require(firstSample >= 0, "firstSample must not be negative, is " + firstSample);
    Checks.require(count1 >= -1 && count2 >= -1, "counts must be -1 or more: " + count1 + ", " + count2);
  }

  private static final BalanceMaskOptions DEFAULTS =
      new BalanceMaskOptions(3, 0, 0, 0, -1, -1);

  /** Returns the documented defaults. */
  public static BalanceMaskOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code rho} replaced. */
  public BalanceMaskOptions withRho(double value) {
    return new BalanceMaskOptions(value, seed, step, firstSample, count1, count2);
  }

  /** Returns a copy with {@code seed} replaced. */
  public BalanceMaskOptions withSeed(long value) {
    return new BalanceMaskOptions(rho, value, step, firstSample, count1, count2);
  }

  /** Returns a copy with {@code step} replaced. */
  public BalanceMaskOptions withStep(long value) {
    return new BalanceMaskOptions(rho, seed, value, firstSample, count1, count2);
  }

  /** Returns a copy with {@code firstSample} replaced. */
  public BalanceMaskOptions withFirstSample(long value) {
    return new BalanceMaskOptions(rho, seed, step, value, count1, count2);
  }

  /** Returns a copy with {@code count1} replaced. */
  public BalanceMaskOptions withCount1(long value) {
    return new BalanceMaskOptions(rho, seed, step, firstSample, value, count2);
  }

  /** Returns a copy with {@code count2} replaced. */
  public BalanceMaskOptions withCount2(long value) {
    return new BalanceMaskOptions(rho, seed, step, firstSample, count1, value);
  }
}
