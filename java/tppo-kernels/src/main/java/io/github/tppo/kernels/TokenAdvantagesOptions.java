// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#tokenAdvantages}.
 *
 * @param shaping from classes or scores to rewards
 * @param gae from rewards to advantages
 * @param whitening of the advantages; null for none
 */
public record TokenAdvantagesOptions(ShapeRewardsOptions shaping, GaeOptions gae, WhitenOptions whitening) {

  public TokenAdvantagesOptions {
    Checks.require(shaping != null, "shaping is null");
    Checks.require(gae != null, "gae is null");
  }

  private static final TokenAdvantagesOptions DEFAULTS =
      new TokenAdvantagesOptions(ShapeRewardsOptions.defaults(), GaeOptions.defaults(), WhitenOptions.defaults());

  /** Returns the defaults of the three, whitening among them. */
  public static TokenAdvantagesOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code shaping} replaced. */
  public TokenAdvantagesOptions withShaping(ShapeRewardsOptions value) {
    return new TokenAdvantagesOptions(value, gae, whitening);
  }

  /** Returns a copy with {@code gae} replaced. */
  public TokenAdvantagesOptions withGae(GaeOptions value) {
    return new TokenAdvantagesOptions(shaping, value, whitening);
  }

  /** Returns a copy with {@code whitening} replaced; null for none. */
  public TokenAdvantagesOptions withWhitening(WhitenOptions value) {
    return new TokenAdvantagesOptions(shaping, gae, value);
  }
}
