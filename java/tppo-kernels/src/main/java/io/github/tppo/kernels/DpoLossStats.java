// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Loss and sums over the pairs of one {@link Kernels#dpoLoss} call.
 *
 * @param loss normalised
 * @param correct pairs in which the chosen has the higher reward
 * @param chosenReward sum of rewards of the chosen
 * @param rejectedReward sum of rewards of the rejected
 * @param margin sum of margins
 */
public record DpoLossStats(
    double loss, double correct, double chosenReward, double rejectedReward, double margin) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 5;

  static DpoLossStats of(double[] s) {
    return new DpoLossStats(s[0], s[1], s[2], s[3], s[4]);
  }

  /** Adds the sums of another micro-batch. Losses add up when both calls were given the same normaliser. */
  public DpoLossStats plus(DpoLossStats other) {
    return new DpoLossStats(
        loss + other.loss, correct + other.correct, chosenReward + other.chosenReward,
        rejectedReward + other.rejectedReward, margin + other.margin);
  }
}
