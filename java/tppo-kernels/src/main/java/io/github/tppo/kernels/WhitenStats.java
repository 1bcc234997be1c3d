// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * What {@link Kernels#whiten} measured.
 *
 * @param valid valid elements
 * @param mean their mean
 * @param variance their variance, unbiased or biased as asked
 */
public record WhitenStats(
    double valid, double mean, double variance) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 3;

  static WhitenStats of(double[] s) {
    return new WhitenStats(s[0], s[1], s[2]);
  }
}
