// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import java.util.Arrays;

/**
 * What {@link Kernels#tokenAdvantages} measured.
 *
 * @param shaping sums over the valid tokens
 * @param whitening mean and variance of the advantages; null without whitening
 */
public record TokenAdvantagesStats(ShapeRewardsStats shaping, WhitenStats whitening) {

  /** The sums of the shaping first, then those of the whitening if there are any. */
  static TokenAdvantagesStats of(double[] s) {
    ShapeRewardsStats shaping = ShapeRewardsStats.of(s);
    boolean whitens = s.length > ShapeRewardsStats.COUNT;
    return new TokenAdvantagesStats(shaping,
        whitens ? WhitenStats.of(Arrays.copyOfRange(s, ShapeRewardsStats.COUNT, s.length)) : null);
  }
}
