// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.eval.PairVerdict.Outcome;
import java.util.List;

/**
 * Two models on the same prompts: share of the judged pairs of answers, in percent, in which the first wins, neither does,
 * or the second wins.
 *
 * @param flipRate share, 0..1, of pairs on which the verdict changes with the order in which the two are shown; such a pair is a tie
 * @param unjudged pairs on which the judge failed, in no share
 */
public record Comparison(
    @JsonProperty("win") double win,
    @JsonProperty("tie") double tie,
    @JsonProperty("lose") double lose,
    @JsonProperty("flip_rate") double flipRate,
    @JsonProperty("unjudged") long unjudged) {

  /** Counts verdicts. */
  public static Comparison of(List<PairVerdict> verdicts) {
    long unjudged = count(verdicts, Outcome.UNJUDGED);
    double n = Math.max(1, verdicts.size() - unjudged);
    return new Comparison(100 * count(verdicts, Outcome.WIN) / n, 100 * count(verdicts, Outcome.TIE) / n,
        100 * count(verdicts, Outcome.LOSE) / n, verdicts.stream().filter(PairVerdict::flipped).count() / n, unjudged);
  }

  private static long count(List<PairVerdict> verdicts, Outcome outcome) {
    return verdicts.stream().filter(v -> v.outcome() == outcome).count();
  }
}
