// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Token counts of one {@link Kernels#balanceMask} call.
 *
 * @param count0 valid tokens of class 0
 * @param count1 valid tokens of class 1
 * @param count2 valid tokens of class 2
 * @param kept1 kept tokens of class 1
 * @param kept2 kept tokens of class 2
 */
public record BalanceMaskStats(
    double count0, double count1, double count2, double kept1, double kept2) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 5;

  static BalanceMaskStats of(double[] s) {
    return new BalanceMaskStats(s[0], s[1], s[2], s[3], s[4]);
  }

  /** Adds the sums of another micro-batch. Losses add up when both calls were given the same normaliser. */
  public BalanceMaskStats plus(BalanceMaskStats other) {
    return new BalanceMaskStats(
        count0 + other.count0, count1 + other.count1, count2 + other.count2, kept1 + other.kept1,
        kept2 + other.kept2);
  }
}
