// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Outputs of {@link Kernels#shapeRewards}, {@link DType#F32} [N]; 0 at masked tokens.
 *
 * An output that is null is not computed or not stored.
 *
 * @param lwp length-weighted penalty factor
 * @param shaped lwp times class value
 * @param kl KL estimate; needs log-probs
 * @param rewards shaped rewards less the KL penalty, terminal rewards added
 */
public record ShapeRewardsOutputs(
    NativeArray lwp, NativeArray shaped, NativeArray kl, NativeArray rewards) {

  private static final ShapeRewardsOutputs NONE = new ShapeRewardsOutputs(null, null, null, null);

  /** Asks for no output but the statistics. */
  public static ShapeRewardsOutputs none() {
    return NONE;
  }

  /** Returns a copy with {@code lwp} replaced. */
  public ShapeRewardsOutputs withLwp(NativeArray value) {
    return new ShapeRewardsOutputs(value, shaped, kl, rewards);
  }

  /** Returns a copy with {@code shaped} replaced. */
  public ShapeRewardsOutputs withShaped(NativeArray value) {
    return new ShapeRewardsOutputs(lwp, value, kl, rewards);
  }

  /** Returns a copy with {@code kl} replaced. */
  public ShapeRewardsOutputs withKl(NativeArray value) {
    return new ShapeRewardsOutputs(lwp, shaped, value, rewards);
  }

  /** Returns a copy with {@code rewards} replaced. */
  public ShapeRewardsOutputs withRewards(NativeArray value) {
    return new ShapeRewardsOutputs(lwp, shaped, kl, value);
  }
}
