// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#gae}.
 *
 * @param gamma discount in [0, 1]; default 1
 * @param lambda decay of the estimator in [0, 1]; default 0.95
 */
public record GaeOptions(
    double gamma, double lambda) {

  public GaeOptions {
    Checks.require(gamma >= 0 && gamma <= 1, "gamma must be in [0, 1], is " + gamma);
    Checks.require(lambda >= 0 && lambda <= 1, "lambda must be in [0, 1], is " + lambda);
  }

  private static final GaeOptions DEFAULTS =
      new GaeOptions(1, 0.95);

  /** Returns the documented defaults. */
  public static GaeOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code gamma} replaced. */
  public GaeOptions withGamma(double value) {
    return new GaeOptions(value, lambda);
  }

  /** Returns a copy with {@code lambda} replaced. */
  public GaeOptions withLambda(double value) {
    return new GaeOptions(gamma, value);
  }
}
