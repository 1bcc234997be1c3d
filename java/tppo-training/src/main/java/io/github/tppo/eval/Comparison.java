// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * Two models on the same prompts: share of prompts, in percent, on which the first wins, neither does, or the second wins.
 *
 * @param flipRate share of verdicts that change with the order in which the two are shown; such a pair is a tie
 */
public record Comparison(
    @JsonProperty("win") double win,
    @JsonProperty("tie") double tie,
    @JsonProperty("lose") double lose,
    @JsonProperty("flip_rate") double flipRate) {

  /**
   * Compares by the judge's score of the words (token template). Scores are given to each answer alone, so the order of
   * the two cannot matter, and the flip rate is 0.
   */
  public static Comparison byScore(List<ScoredAnswer> first, List<ScoredAnswer> second) {
    if (first.size() != second.size()) {
      throw new IllegalArgumentException("second: " + second.size() + " answers, expected " + first.size());
    }
    double win = 0;
    double lose = 0;
    for (int i = 0; i < first.size(); i++) {
      int order = Double.compare(first.get(i).tokenRelevance(), second.get(i).tokenRelevance());
      win += order > 0 ? 1 : 0;
      lose += order < 0 ? 1 : 0;
    }
    double n = Math.max(1, first.size());
    return new Comparison(100 * win / n, 100 * (first.size() - win - lose) / n, 100 * lose / n, 0);
  }
}
