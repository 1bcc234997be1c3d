// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.run.Check;
import java.util.List;

/**
 * A judge's verdict on one response.
 *
 * @param words    the scores of its words in order; empty with {@link Template#SENTENCE}
 * @param sentence 1 when the response as a whole is relevant, else 0
 */
public record Judgement(List<WordScore> words, int sentence) {

  /** Copies the list. */
  public Judgement {
    words = Check.list("words", words);
  }

  /** How many words count, stop words left out. */
  public int scoredWords() {
    return (int) words.stream().filter(WordScore::isScored).count();
  }

  /** How many words are relevant. */
  public int relevantWords() {
    return (int) words.stream().filter(w -> w.score() == 1).count();
  }

  /**
   * The relevance score of the response, in 0..1: with the token template the share of its scored words that are
   * relevant (0 when it has none), with the sentence template the score of the whole. A model's relevance rate is 100 *
   * sum of relevance scores / samples.
   */
  public double relevance(Template template) {
    if (template == Template.SENTENCE) {
      return sentence;
    }
    int scored = scoredWords();
    return scored == 0 ? 0 : (double) relevantWords() / scored;
  }
}
