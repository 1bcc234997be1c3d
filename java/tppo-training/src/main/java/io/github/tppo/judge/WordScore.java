// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.annotation.JsonIgnore;

/**
 * The relevance of one word of a response.
 *
 * @param word  the word as written
 * @param start where it starts in the response's text, in UTF-16 code units
 * @param end   one past its last code unit
 * @param score 1 relevant, 0 irrelevant, {@link #NOT_SCORED} when the word says nothing either way (a stop word)
 */
public record WordScore(String word, int start, int end, int score) {

  /** The score of a word that is not counted and whose tokens are of class 0. */
  public static final int NOT_SCORED = -1;

  /** @throws IllegalArgumentException when start and end are no range, or the score is none of the three */
  public WordScore {
    if (start < 0 || end < start || score < NOT_SCORED || score > 1) {
      throw new IllegalArgumentException("word \"" + word + "\": found start " + start + ", end " + end + " and score " + score
        + ", expected a range and 1, 0 or " + NOT_SCORED);
    }
  }

  /** Whether the word counts. */
  @JsonIgnore
  public boolean isScored() {
    return score != NOT_SCORED;
  }

  /** The word's token class: 0 not scored, 1 irrelevant, 2 relevant. */
  public int tokenClass() {
    return score + 1;
  }
}
