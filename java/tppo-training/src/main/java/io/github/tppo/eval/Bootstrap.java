// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import io.github.tppo.run.Check;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Percentile bootstrap over users and seeds; pairs of models are resampled together.
 *
 * <p>Every resample draws as many seeds as there are, with replacement, then as many users, with replacement and the same for
 * all seeds drawn, since every seed has the same users (Owen 2007, <em>The pigeonhole bootstrap</em>). So an interval over several
 * seeds speaks of new seeds and new users, one over a single seed of new users alone. It is as good as its seeds are
 * many: with seeds that move a mean three times as much as users do, 95 % intervals held the truth in 83 % of simulated
 * experiments with two seeds, 89 % with three and 95 % with ten.
 */
public final class Bootstrap {
  private static final int MOST_RESAMPLES = 10_000_000;
  private static final int MOST_CASES = 100_000_000;

  private Bootstrap() {}

  /** A mean with the bounds of its 95 % interval. */
  public record Interval(double mean, double low, double high) {}

  /**
   * Interval of the mean of one seed's {@code values} (for a paired comparison: of the per-user differences).
   *
   * @param resamples number of resamples, each of the size of the data; up to 10 million
   * @param seed same seed, same interval
   */
  public static Interval mean(double[] values, int resamples, long seed) {
    return mean(new double[][] {values}, resamples, seed);
  }

  /**
   * Interval of the mean over seeds and users.
   *
   * @param values one row a seed, one column a user
   * @param resamples number of resamples, each of the size of the data
   * @param seed same seed, same interval
   */
  public static Interval mean(double[][] values, int resamples, long seed) {
    Check.range("resamples", resamples, 0, MOST_RESAMPLES);
    int seeds = values.length;
    if (seeds == 0 || values[0].length == 0) {
      throw new IllegalArgumentException("values: empty, expected at least one");
    }
    int users = values[0].length;
    for (double[] row : values) {
      if (row.length != users) {
        throw new IllegalArgumentException("values: a seed with " + row.length + " users, expected " + users + " as in the first");
      }
    }
    SplittableRandom random = new SplittableRandom(seed);
    double[] means = new double[resamples];
    double[][] drawn = new double[seeds][];
    for (int r = 0; r < resamples; r++) {
      for (int s = 0; s < seeds; s++) {
        drawn[s] = values[random.nextInt(seeds)];
      }
      double sum = 0;
      for (int i = 0; i < users; i++) {
        int user = random.nextInt(users);
        for (double[] row : drawn) {
          sum += row[user];
        }
      }
      means[r] = sum / ((double) seeds * users);
    }
    double mean = Arrays.stream(values).mapToDouble(row -> Arrays.stream(row).sum() / users).sum() / seeds;
    return interval(mean, means);
  }

  /**
   * Interval of any statistic of {@code n} cases.
   *
   * @param statistic of the cases whose numbers are given; NaN where it is not defined, and such resamples are left out
   */
  public static Interval of(int n, ToDoubleFunction<int[]> statistic, int resamples, long seed) {
    Check.range("n", n, 0, MOST_CASES);
    Check.range("resamples", resamples, 0, MOST_RESAMPLES);
    SplittableRandom random = new SplittableRandom(seed);
    int[] drawn = new int[n];
    double[] values = new double[resamples];
    for (int r = 0; r < resamples; r++) {
      Arrays.setAll(drawn, i -> random.nextInt(n));
      values[r] = statistic.applyAsDouble(drawn);
    }
    return interval(statistic.applyAsDouble(IntStream.range(0, n).toArray()),
        Arrays.stream(values).filter(v -> !Double.isNaN(v)).toArray());
  }

  private static Interval interval(double estimate, double[] resampled) {
    if (resampled.length == 0) {
      return new Interval(estimate, Double.NaN, Double.NaN);
    }
    Arrays.sort(resampled);
    return new Interval(estimate, quantile(resampled, 0.025), quantile(resampled, 0.975));
  }

  private static double quantile(double[] sorted, double q) {
    double position = q * (sorted.length - 1);
    int below = (int) position;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  }
}
