// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import io.github.tppo.model.SamplingOptions;

/**
 * How the tokens of suggestions are chosen.
 *
 * @param temperature divides the logits; 0 = the likeliest token at each step, else 0.01 to 100
 * @param topK only the k likeliest tokens can be chosen; 0 = all
 * @param topP only the likeliest tokens that together reach this probability can be chosen, in (0, 1]; 1 = all
 * @param maxNewTokens longest response, the end token included; 1 to 65536
 */
public record SuggestOptions(double temperature, int topK, double topP, int maxNewTokens) {
  private static final int MOST_TOKENS = 1 << 16;

  /** @throws InputException when a value cannot be used */
  public SuggestOptions {
    // Below, logits divided by the temperature leave the range of float32.
    check(temperature == 0 || (temperature >= 0.01 && temperature <= 100), "temperature", temperature,
        "0 (the likeliest tokens), or 0.01 to 100");
    check(topK >= 0, "top_k", topK, "1 or more, or 0 for all tokens");
    check(topP > 0 && topP <= 1, "top_p", topP, "more than 0 and at most 1");
    check(maxNewTokens >= 1 && maxNewTokens <= MOST_TOKENS, "max_new_tokens", maxNewTokens, "1 to " + MOST_TOKENS);
  }

  /** As the policy's training sampled. */
  public static SuggestOptions of(SuggestSettings settings) {
    return new SuggestOptions(settings.temperature(), 0, 1, settings.maxNewTokens());
  }

  SamplingOptions sampling(long seed) {
    return new SamplingOptions(temperature, topK, topP, maxNewTokens, seed);
  }

  private static void check(boolean ok, String key, Number found, String expected) {
    if (!ok) {
      throw new InputException(key, "found " + found + ", expected " + expected);
    }
  }
}
