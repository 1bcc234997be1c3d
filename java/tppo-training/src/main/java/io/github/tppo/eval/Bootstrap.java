// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Percentile bootstrap over users; pairs of models are resampled together. */
public final class Bootstrap {
  private Bootstrap() {}

  /** A mean with the bounds of its 95 % interval. */
  public record Interval(double mean, double low, double high) {
    /** Whether zero lies outside the interval. */
    public boolean excludesZero() {
      return low > 0 || high < 0;
    }
  }

  /**
   * Interval of the mean of {@code values} (for a paired comparison: of the per-user differences).
   *
   * @param resamples number of resamples, each of the size of the data
   * @param seed same seed, same interval
   */
  public static Interval mean(double[] values, int resamples, long seed) {
    int n = values.length;
    if (n == 0) {
      throw new IllegalArgumentException("values: empty, expected at least one");
    }
    SplittableRandom random = new SplittableRandom(seed);
    double[] means = new double[resamples];
    for (int r = 0; r < resamples; r++) {
      double sum = 0;
      for (int i = 0; i < n; i++) {
        sum += values[random.nextInt(n)];
      }
      means[r] = sum / n;
    }
    Arrays.sort(means);
    return new Interval(Arrays.stream(values).sum() / n, quantile(means, 0.025), quantile(means, 0.975));
  }

  /** Interval of the mean of {@code a - b}, users paired. */
  public static Interval pairedDifference(double[] a, double[] b, int resamples, long seed) {
    if (a.length != b.length) {
      throw new IllegalArgumentException("b: " + b.length + " values, expected " + a.length + " as in a");
    }
    double[] difference = new double[a.length];
    Arrays.setAll(difference, i -> a[i] - b[i]);
    return mean(difference, resamples, seed);
  }

  private static double quantile(double[] sorted, double q) {
    double position = q * (sorted.length - 1);
    int below = (int) position;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  }
}
