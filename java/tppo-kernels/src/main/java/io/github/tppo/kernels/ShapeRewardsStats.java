// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Sums over the valid tokens of one {@link Kernels#shapeRewards} call.
 *
 * @param valid valid tokens
 * @param lwp sum of penalty factors
 * @param shaped sum of shaped rewards
 * @param kl sum of KL estimates
 * @param reward sum of rewards, terminal rewards included
 * @param beyond tokens beyond the suggested length
 * @param clamped tokens whose log-ratio was clamped
 */
public record ShapeRewardsStats(
    double valid, double lwp, double shaped, double kl, double reward, double beyond, double clamped) {

  /** Number of doubles that the native library writes. */
  static final int COUNT = 7;

  static ShapeRewardsStats of(double[] s) {
    return new ShapeRewardsStats(s[0], s[1], s[2], s[3], s[4], s[5], s[6]);
  }

  /** Adds the sums of another micro-batch. Losses add up when both calls were given the same normaliser. */
  public ShapeRewardsStats plus(ShapeRewardsStats other) {
    return new ShapeRewardsStats(
        valid + other.valid, lwp + other.lwp, shaped + other.shaped, kl + other.kl,
        reward + other.reward, beyond + other.beyond, clamped + other.clamped);
  }

  /** Returns the mean penalty factor, or 0 when nothing is valid. */
  public double meanLwp() {
    return valid == 0 ? 0 : lwp / valid;
  }

  /** Returns the mean KL estimate, or 0 when nothing is valid. */
  public double meanKl() {
    return valid == 0 ? 0 : kl / valid;
  }
}
