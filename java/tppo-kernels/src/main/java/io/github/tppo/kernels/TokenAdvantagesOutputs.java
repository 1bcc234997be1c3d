// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Outputs of {@link Kernels#tokenAdvantages}, {@link DType#F32} [N]; 0 at masked tokens.
 *
 * @param shaping penalty factors, shaped rewards, KL and rewards, each null if not wanted
 * @param advantages whitened if that is asked for; may be the scores
 * @param returns advantages before whitening plus values; may be the values; null if not wanted
 */
public record TokenAdvantagesOutputs(ShapeRewardsOutputs shaping, NativeArray advantages, NativeArray returns) {

  public TokenAdvantagesOutputs {
    Checks.require(shaping != null, "shaping is null");
  }

  /** Asks for nothing but advantages and, unless null, returns. */
  public static TokenAdvantagesOutputs of(NativeArray advantages, NativeArray returns) {
    return new TokenAdvantagesOutputs(ShapeRewardsOutputs.none(), advantages, returns);
  }

  /** Returns a copy with {@code shaping} replaced. */
  public TokenAdvantagesOutputs withShaping(ShapeRewardsOutputs value) {
    return new TokenAdvantagesOutputs(value, advantages, returns);
  }
}
