// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import java.util.Objects;

/**
 * The text that a sequence of ids stands for, and where each id lies in it. Id {@code i} carries the UTF-16 code units
 * {@code [starts[i], ends[i])} of {@code text}. Ids that hold some bytes of one character all carry that character, so
 * spans can overlap; an id without text (special tokens, ids outside the vocabulary) has an empty span where it stands.
 *
 * @param text   the decoded text, special tokens left out
 * @param starts first code unit of each id
 * @param ends   one past the last code unit of each id
 */
public record TokenSpans(String text, int[] starts, int[] ends) {

  /** @throws IllegalArgumentException when a span does not lie in the text */
  public TokenSpans {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(starts, "starts");
    Objects.requireNonNull(ends, "ends");
    if (starts.length != ends.length) {
      throw new IllegalArgumentException(starts.length + " starts and " + ends.length + " ends, expected as many");
    }
    for (int t = 0; t < starts.length; t++) {
      if (starts[t] < 0 || ends[t] < starts[t] || ends[t] > text.length()) {
        throw new IllegalArgumentException("token " + t + " is at " + starts[t] + " to " + ends[t] + ", expected a range in a text of "
          + text.length() + " characters");
      }
    }
  }

  /** The number of ids. */
  public int length() {
    return starts.length;
  }
}
