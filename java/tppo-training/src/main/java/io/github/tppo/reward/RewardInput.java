// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.text.TokenSpans;

/**
 * A prompt and a response as the reward model reads them.
 *
 * @param ids begin token where the tokenizer has one, prompt, response, end token, in the reward model's vocabulary
 * @param responseStart index of the response's first token; what follows, the end token included, is scored
 * @param spans where the scored tokens lie in the response's text; the end token's span is empty
 */
public record RewardInput(int[] ids, int responseStart, TokenSpans spans) {

  /** Tokens that are scored. */
  public int scored() {
    return ids.length - responseStart;
  }
}
