// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Result of {@link Kernels#globalNorm}.
 *
 * @param norm square root of the sum of squares
 * @param scale {@code min(1, maxNorm / (norm + 1e-6))}; 1 without clipping, NaN when the norm is not finite
 * @param sumOfSquares the sum of squares
 */
public record GradNorm(
    double norm, double scale, double sumOfSquares) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 3;

  static GradNorm of(double[] s) {
    return new GradNorm(s[0], s[1], s[2]);
  }

  /** Returns whether every gradient was finite; when not, {@link Kernels#adamW} with this scale does nothing. */
  public boolean isFinite() {
    return Double.isFinite(norm);
  }
}
