// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import java.util.Arrays;

/**
 * Two responses to one prompt, as token ids of the policy.
 *
 * @param chosen the true queries as fine-tuning trains on them
 * @param rejected the ids that the SFT policy sampled, without an end token if it sampled none (INVARIANTS 8)
 */
public record PreferencePair(Sequence chosen, Sequence rejected) {

  public PreferencePair {
    if (!Arrays.equals(chosen.prompt(), rejected.prompt())) {
      throw new IllegalArgumentException("the two responses of a pair belong to different prompts");
    }
  }

  /** Tokens of both, each with its prompt. */
  public int length() {
    return chosen.length() + rejected.length();
  }

  /** Tokens of both responses alone. */
  public int responseTokens() {
    return chosen.response().length + rejected.response().length;
  }
}
