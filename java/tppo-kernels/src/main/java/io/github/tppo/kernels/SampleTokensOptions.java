// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#sampleTokens}.
 *
 * @param temperature 0 takes the most probable token; else divides the logits
 * @param topK only so many of the most probable tokens are sampled from; 0 = all
 * @param topP only the most probable tokens that together reach this probability are sampled from; in (0, 1], 1 = all
 */
public record SampleTokensOptions(double temperature, long topK, double topP) {

  public SampleTokensOptions {
    Checks.require(temperature >= 0 && temperature <= 1e30, "temperature must be at least 0, is " + temperature);
    Checks.require(topK >= 0, "topK must not be negative, is " + topK);
    Checks.require(topP > 0 && topP <= 1, "topP must be in (0, 1], is " + topP);
  }

  /** From the whole distribution at temperature 1. */
  public static SampleTokensOptions defaults() {
    return new SampleTokensOptions(1, 0, 1);
  }

  /** Returns a copy with {@code temperature} replaced. */
  public SampleTokensOptions withTemperature(double value) {
    return new SampleTokensOptions(value, topK, topP);
  }

  /** Returns a copy with {@code topK} replaced. */
  public SampleTokensOptions withTopK(long value) {
    return new SampleTokensOptions(temperature, value, topP);
  }

  /** Returns a copy with {@code topP} replaced. */
  public SampleTokensOptions withTopP(double value) {
    return new SampleTokensOptions(temperature, topK, value);
  }
}
