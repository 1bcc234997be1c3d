// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Sums over the valid tokens of one {@link Kernels#tokenLogProbs} call.
 *
 * @param valid valid tokens
 * @param logprob sum of log-probs
 * @param entropy sum of entropies
 * @param badRows rows with NaN, +inf or only -inf, left out of the sums
 */
public record TokenLogProbsStats(
    double valid, double logprob, double entropy, double badRows) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 4;

  static TokenLogProbsStats of(double[] s) {
    return new TokenLogProbsStats(s[0], s[1], s[2], s[3]);
  }

  /** Adds the sums of another micro-batch. Losses add up when both calls were given the same normaliser. */
  public TokenLogProbsStats plus(TokenLogProbsStats other) {
    return new TokenLogProbsStats(
        valid + other.valid, logprob + other.logprob, entropy + other.entropy, badRows + other.badRows);
  }

  /** Returns the mean log-probability, or 0 when nothing is valid. */
  public double meanLogprob() {
    return (valid - badRows) == 0 ? 0 : logprob / (valid - badRows);
  }

  /** Returns the mean entropy, or 0 when nothing is valid. */
  public double meanEntropy() {
    return (valid - badRows) == 0 ? 0 : entropy / (valid - badRows);
  }
}
