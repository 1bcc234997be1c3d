// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Loss and sums of one {@link Kernels#rewardModelLoss} call.
 *
 * @param loss equation 3
 * @param local local loss before its weight
 * @param global global loss in the chosen mode before its weight
 * @param globalArgmax global loss with the argmax class
 * @param globalExpected global loss with the expected class
 * @param valid tokens of the mask, bad rows not among them
 * @param correct of these with argmax = label
 * @param weight sum of their class weights
 * @param badRows bad rows, left out of the sums
 */
public record RewardModelLossStats(
    double loss, double local, double global, double globalArgmax, double globalExpected, double valid,
    double correct, double weight, double badRows) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 9;

  static RewardModelLossStats of(double[] s) {
    return new RewardModelLossStats(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]);
  }

  /** Adds the sums of another micro-batch. Losses add up when both calls were given the same normaliser. */
  public RewardModelLossStats plus(RewardModelLossStats other) {
    return new RewardModelLossStats(
        loss + other.loss, local + other.local, global + other.global,
        globalArgmax + other.globalArgmax, globalExpected + other.globalExpected, valid + other.valid,
        correct + other.correct, weight + other.weight, badRows + other.badRows);
  }

  /** Returns the fraction of tokens classified right, or 0 when nothing is valid. */
  public double accuracy() {
    return valid == 0 ? 0 : correct / valid;
  }
}
