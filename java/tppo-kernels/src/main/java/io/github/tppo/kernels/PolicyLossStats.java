// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Loss and sums over the valid tokens of one {@link Kernels#policyLoss} call.
 *
 * @param loss all terms, normalised
 * @param objectiveLoss its part from the clipped objective
 * @param klLoss its KL part
 * @param entropyLoss its entropy part
 * @param valid valid tokens, bad rows not among them
 * @param sequences sequences with a valid token; 0 for {@link Aggregation#TOKEN_MEAN}
 * @param clipped tokens where the clip is active
 * @param clippedHigh of these with positive advantage
 * @param clippedLow of these with negative advantage
 * @param outside tokens whose ratio lies outside the clip range
 * @param dualClipped tokens where the dual clip is active
 * @param clamped tokens whose log-ratio was clamped
 * @param badRows bad rows, left out of everything
 * @param logprob sum of log-probs
 * @param entropy sum of entropies
 * @param ratio sum of ratios
 * @param refK1 sum of k1 to the reference, 0 without one
 * @param refK2 sum of k2 to the reference
 * @param refK3 sum of k3 to the reference
 * @param oldK1 sum of -ln ratio: KL(old || new)
 * @param oldK2 sum of (ln ratio)^2 / 2
 * @param oldK3 sum of ratio - 1 - ln ratio
 * @param advantage sum of advantages
 * @param normalizer normaliser that was used
 */
public record PolicyLossStats(
    double loss, double objectiveLoss, double klLoss, double entropyLoss, double valid, double sequences,
    double clipped, double clippedHigh, double clippedLow, double outside, double dualClipped,
    double clamped, double badRows, double logprob, double entropy, double ratio, double refK1,
    double refK2, double refK3, double oldK1, double oldK2, double oldK3, double advantage,
    double normalizer) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 24;

  static PolicyLossStats of(double[] s) {
    return new PolicyLossStats(
        s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10], s[11], s[12], s[13], s[14],
        s[15], s[16], s[17], s[18], s[19], s[20], s[21], s[22], s[23]);
  }

  /** Adds the sums of another micro-batch. Losses add up when both calls were given the same normaliser. */
  public PolicyLossStats plus(PolicyLossStats other) {
    return new PolicyLossStats(
        loss + other.loss, objectiveLoss + other.objectiveLoss, klLoss + other.klLoss,
        entropyLoss + other.entropyLoss, valid + other.valid, sequences + other.sequences,
        clipped + other.clipped, clippedHigh + other.clippedHigh, clippedLow + other.clippedLow,
        outside + other.outside, dualClipped + other.dualClipped, clamped + other.clamped,
        badRows + other.badRows, logprob + other.logprob, entropy + other.entropy, ratio + other.ratio,
        refK1 + other.refK1, refK2 + other.refK2, refK3 + other.refK3, oldK1 + other.oldK1,
        oldK2 + other.oldK2, oldK3 + other.oldK3, advantage + other.advantage,
        normalizer + other.normalizer);
  }

  /** Returns the fraction of tokens where the clip is active, or 0 when nothing is valid. */
  public double clipFraction() {
    return valid == 0 ? 0 : clipped / valid;
  }

  /** Returns the mean entropy, or 0 when nothing is valid. */
  public double meanEntropy() {
    return valid == 0 ? 0 : entropy / valid;
  }

  /** Returns the mean ratio, or 0 when nothing is valid. */
  public double meanRatio() {
    return valid == 0 ? 0 : ratio / valid;
  }
}
