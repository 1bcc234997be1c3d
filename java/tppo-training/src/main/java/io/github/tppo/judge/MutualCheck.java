// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.data.Example;
import io.github.tppo.text.ResponseText;

/**
 * The mutual check of word and sentence labels (appendix D): a response whose word labels contradict its sentence label is
 * not learned from. Two contradictions are known:
 * <ul>
 * <li>no word is relevant, but the whole is;
 * <li>every scored word is relevant, but the whole is not, although the number of queries is right. A wrong number of
 *     queries is a fault of the whole that no word shows, so there the two labels do not contradict each other.
 * </ul>
 */
public final class MutualCheck {

  private MutualCheck() {
  }

  /**
   * Checks a judgement made with {@link Template#TOKEN}.
   *
   * @return what contradicts, or null when nothing does
   */
  public static String contradiction(JudgeConfig config, Example example, String responseText, Judgement judgement) {
    int scored = judgement.scoredWords();
    int relevant = judgement.relevantWords();
    if (judgement.sentence() == 1 && relevant == 0) {
      return "no word is relevant but the whole is";
    }
    if (judgement.sentence() == 0 && scored > 0 && relevant == scored
      && ResponseText.queries(responseText).size() == wantedQueries(config, example)) {
      return "every word is relevant but the whole is not";
    }
    return null;
  }

  /** The number of queries that a response for {@code example} must have. */
  public static int wantedQueries(JudgeConfig config, Example example) {
    return config.queries() > 0 ? config.queries() : example.targets().size();
  }
}
