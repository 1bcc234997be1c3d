// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Arrays;
import java.util.List;

/**
 * How far two annotators agree on one kind of thing, words or whole responses.
 *
 * @param compared things that both scored
 * @param agreement share of them with the same score; null when nothing was compared
 * @param agreementCi95 its 95 % interval, by bootstrap over responses
 * @param kappa Cohen's kappa; null when it is not defined: both gave one and the same score throughout
 * @param kappaCi95 its 95 % interval
 * @param bothRelevant relevant to both
 * @param humanRelevant relevant to the human alone
 * @param judgeRelevant relevant to the judge alone
 * @param bothIrrelevant irrelevant to both
 */
public record AgreementLevel(
    @JsonProperty("compared") long compared,
    @JsonProperty("agreement") Double agreement,
    @JsonProperty("agreement_ci95") List<Double> agreementCi95,
    @JsonProperty("kappa") Double kappa,
    @JsonProperty("kappa_ci95") List<Double> kappaCi95,
    @JsonProperty("both_relevant") long bothRelevant,
    @JsonProperty("human_relevant") long humanRelevant,
    @JsonProperty("judge_relevant") long judgeRelevant,
    @JsonProperty("both_irrelevant") long bothIrrelevant) {

  /** Order of the counts of one response. */
  static final int BOTH = 0;
  static final int HUMAN = 1;
  static final int JUDGE = 2;
  static final int NEITHER = 3;

  /** @param responses four counts for each response, since the words of one are not independent of one another */
  static AgreementLevel of(List<long[]> responses, int resamples, long seed) {
    int[] all = new int[responses.size()];
    Arrays.setAll(all, i -> i);
    long[] c = sum(responses, all);
    Bootstrap.Interval agreement = Bootstrap.of(all.length, drawn -> agreement(sum(responses, drawn)), resamples, seed);
    Bootstrap.Interval kappa = Bootstrap.of(all.length, drawn -> kappa(sum(responses, drawn)), resamples, seed);
    return new AgreementLevel(c[BOTH] + c[HUMAN] + c[JUDGE] + c[NEITHER], number(agreement.mean()), ends(agreement),
        number(kappa.mean()), ends(kappa), c[BOTH], c[HUMAN], c[JUDGE], c[NEITHER]);
  }

  /** Share of equal scores; NaN of nothing. */
  static double agreement(long[] c) {
    return (c[BOTH] + c[NEITHER]) / (double) (c[BOTH] + c[HUMAN] + c[JUDGE] + c[NEITHER]);
  }

  /** Agreement beyond that of chance (Cohen 1960); NaN when chance alone would agree on everything. */
  static double kappa(long[] c) {
    double n = c[BOTH] + c[HUMAN] + c[JUDGE] + c[NEITHER];
    double human = (c[BOTH] + c[HUMAN]) / n;
    double judge = (c[BOTH] + c[JUDGE]) / n;
    double chance = human * judge + (1 - human) * (1 - judge);
    return chance == 1 ? Double.NaN : (agreement(c) - chance) / (1 - chance);
  }

  private static long[] sum(List<long[]> responses, int[] drawn) {
    long[] sum = new long[4];
    for (int i : drawn) {
      long[] counts = responses.get(i);
      for (int k = 0; k < sum.length; k++) {
        sum[k] += counts[k];
      }
    }
    return sum;
  }

  private static Double number(double value) {
    return Double.isNaN(value) ? null : value;
  }

  private static List<Double> ends(Bootstrap.Interval interval) {
    return Double.isNaN(interval.low()) || Double.isNaN(interval.mean()) ? null : List.of(interval.low(), interval.high());
  }
}
