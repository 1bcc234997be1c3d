// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#tokenLogProbs}.
 *
 * @param temperature divides the logits; greater than 0, default 1
 */
public record TokenLogProbsOptions(
    double temperature) {

  public TokenLogProbsOptions {
    Checks.require(temperature > 0, "temperature must be greater than 0, is " + temperature);
  }

  private static final TokenLogProbsOptions DEFAULTS =
      new TokenLogProbsOptions(1);

  /** Returns the documented defaults. */
  public static TokenLogProbsOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code temperature} replaced. */
  public TokenLogProbsOptions withTemperature(double value) {
    return new TokenLogProbsOptions(value);
  }
}
