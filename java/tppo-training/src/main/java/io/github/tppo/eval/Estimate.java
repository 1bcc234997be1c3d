// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Arrays;
import java.util.List;

/**
 * A mean over seeds and users as the results hold it.
 *
 * @param std sample standard deviation of the seeds' means; null, and not written, for one seed
 * @param ci95 low and high end of the 95 % interval, by {@link Bootstrap}
 * @param perSeed mean of each seed
 */
public record Estimate(
    @JsonProperty("mean") double mean,
    @JsonProperty("std") @JsonInclude(JsonInclude.Include.NON_NULL) Double std,
    @JsonProperty("ci95") List<Double> ci95,
    @JsonProperty("per_seed") List<Double> perSeed) {

  /**
   * Estimates a mean; for a difference of two models the values are the differences, so that users and seeds are paired.
   *
   * @param values one row a seed, one column a user, the same users in all rows
   */
  public static Estimate of(double[][] values, int resamples, long seed) {
    Bootstrap.Interval interval = Bootstrap.mean(values, resamples, seed);
    List<Double> perSeed = Arrays.stream(values).map(row -> Arrays.stream(row).sum() / row.length).toList();
    return new Estimate(interval.mean(), perSeed.size() == 1 ? null : deviation(perSeed, interval.mean()),
        List.of(interval.low(), interval.high()), perSeed);
  }

  private static double deviation(List<Double> values, double mean) {
    double squares = values.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum();
    return Math.sqrt(squares / (values.size() - 1));
  }
}
