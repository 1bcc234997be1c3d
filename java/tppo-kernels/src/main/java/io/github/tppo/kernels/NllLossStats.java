// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Loss and sums over the valid tokens of one {@link Kernels#nllLoss} call.
 *
 * @param loss weighted negative log-likelihood, normalised
 * @param valid valid tokens, bad rows not among them
 * @param weight sum of their weights
 * @param logprob unweighted sum of log-probs
 * @param entropy sum of entropies
 * @param badRows bad rows, left out of everything
 * @param normalizer normaliser that was used
 */
public record NllLossStats(
    double loss, double valid, double weight, double logprob, double entropy, double badRows,
    double normalizer) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 7;

  static NllLossStats of(double[] s) {
    return new NllLossStats(s[0], s[1], s[2], s[3], s[4], s[5], s[6]);
  }

  /** Adds the sums of another micro-batch. Losses add up when both calls were given the same normaliser. */
  public NllLossStats plus(NllLossStats other) {
    return new NllLossStats(
        loss + other.loss, valid + other.valid, weight + other.weight, logprob + other.logprob,
        entropy + other.entropy, badRows + other.badRows, normalizer + other.normalizer);
  }

  /** Returns the mean log-probability, or 0 when nothing is valid. */
  public double meanLogprob() {
    return valid == 0 ? 0 : logprob / valid;
  }
}
