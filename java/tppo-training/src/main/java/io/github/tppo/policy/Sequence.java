// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import java.util.Objects;

/**
 * A prompt and its response as token ids of the policy; the response holds its end token if it has one.
 * These ids are those that were sampled; nothing here is ever tokenised again (INVARIANTS 8).
 */
public record Sequence(int[] prompt, int[] response) {

  public Sequence {
    if (prompt.length == 0) {
      throw new IllegalArgumentException("prompt: empty, expected at least the begin token");
    }
  }

  /** Tokens of prompt and response. */
  public int length() {
    return prompt.length + response.length;
  }

  /** The token at a position of prompt and response together. */
  public int token(int position) {
    Objects.checkIndex(position, length());
    return position < prompt.length ? prompt[position] : response[position - prompt.length];
  }
}
