// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonProperty;

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
   * Compares by the judge's scores. Scores are given to each answer alone, so the order of the two cannot matter, and the
   * flip rate is 0.
   *
   * @param first score of each user's answers under the first model
   * @param second the same users in the same order
   */
  public static Comparison byScore(double[] first, double[] second) {
    if (first.length != second.length) {
      throw new IllegalArgumentException("second: " + second.length + " scores, expected " + first.length);
    }
    double win = 0;
    double lose = 0;
    for (int i = 0; i < first.length; i++) {
      int order = Double.compare(first[i], second[i]);
      win += order > 0 ? 1 : 0;
      lose += order < 0 ? 1 : 0;
    }
    double n = Math.max(1, first.length);
    return new Comparison(100 * win / n, 100 * (first.length - win - lose) / n, 100 * lose / n, 0);
  }
}
