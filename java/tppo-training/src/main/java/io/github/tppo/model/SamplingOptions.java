// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

/**
 * How new tokens are chosen.
 *
 * @param temperature divides the logits; 0 = greedy, the most probable token (the lowest id on ties)
 * @param topK only the k most probable tokens can be chosen; 0 = all
 * @param topP only the most probable tokens that together reach this probability can be chosen, in (0, 1]; 1 = all
 * @param maxNewTokens longest response, the end token included
 * @param seed key of the random numbers
 */
public record SamplingOptions(double temperature, int topK, double topP, int maxNewTokens, long seed) {

  public SamplingOptions {
    if (!(temperature >= 0) || Double.isInfinite(temperature)) {
      throw new IllegalArgumentException("temperature must be at least 0, is " + temperature);
    }
    if (topK < 0) {
      throw new IllegalArgumentException("topK must be at least 0, is " + topK);
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException("topP must be in (0, 1], is " + topP);
    }
    if (maxNewTokens < 1) {
      throw new IllegalArgumentException("maxNewTokens must be at least 1, is " + maxNewTokens);
    }
  }

  /** The most probable token at each step. */
  public static SamplingOptions greedy(int maxNewTokens) {
    return new SamplingOptions(0, 0, 1, maxNewTokens, 0);
  }

  /** Samples from the whole distribution at a temperature. */
  public static SamplingOptions sample(double temperature, int maxNewTokens, long seed) {
    return new SamplingOptions(temperature, 0, 1, maxNewTokens, seed);
  }
}
