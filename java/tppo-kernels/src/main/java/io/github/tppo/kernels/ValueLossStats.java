// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Loss and sums over the valid tokens of one {@link Kernels#valueLoss} call.
 *
 * @param loss normalised
 * @param valid valid tokens
 * @param clipped tokens whose clipped square is the larger
 * @param squaredError sum of squared errors of the unclipped values
 * @param value sum of values
 * @param returns sum of returns
 * @param returnsSquared sum of squared returns
 * @param normalizer normaliser that was used
 */
public record ValueLossStats(
    double loss, double valid, double clipped, double squaredError, double value, double returns,
    double returnsSquared, double normalizer) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 8;

  static ValueLossStats of(double[] s) {
    return new ValueLossStats(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]);
  }

  /** Adds the sums of another micro-batch. Losses add up when both calls were given the same normaliser. */
  public ValueLossStats plus(ValueLossStats other) {
    return new ValueLossStats(
        loss + other.loss, valid + other.valid, clipped + other.clipped,
        squaredError + other.squaredError, value + other.value, returns + other.returns,
        returnsSquared + other.returnsSquared, normalizer + other.normalizer);
  }

  /** Returns the fraction of tokens where the clip is active, or 0 when nothing is valid. */
  public double clipFraction() {
    return valid == 0 ? 0 : clipped / valid;
  }

  /** Returns 1 - mean squared error / variance of the returns, or 0 when they do not vary. */
  public double explainedVariance() {
    double variance = valid == 0 ? 0 : returnsSquared / valid - (returns / valid) * (returns / valid);
    return variance <= 0 ? 0 : 1 - squaredError / valid / variance;
  }
}
