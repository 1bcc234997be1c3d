// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.util.Arrays;

/** Exact quantiles of small non-negative integers in bounded memory. */
final class Histogram {
  private static final int CAP = 1 << 16;
  private long[] bins = new long[64];
  private long count;
  private long sum;
  private int max;

  /** Adds a value; values above 65,535 count as that in the quantiles. */
  void add(int value) {
    int bin = Math.min(value, CAP - 1);
    if (bin >= bins.length) {
      bins = Arrays.copyOf(bins, Integer.highestOneBit(bin) * 2);
    }
    bins[bin]++;
    count++;
    sum += value;
    max = Math.max(max, value);
  }

  long count() {
    return count;
  }

  DataStats.Quantiles quantiles() {
    double mean = Math.round(1000.0 * sum / count) / 1000.0;
    return new DataStats.Quantiles(count, mean, at(0.05), at(0.25), at(0.5), at(0.75), at(0.95), max);
  }

  /** The smallest value that at least this share of the values does not exceed. */
  private int at(double share) {
    long rank = Math.max(1, (long) Math.ceil(share * count));
    long seen = 0;
    for (int v = 0; v < bins.length; v++) {
      seen += bins[v];
      if (seen >= rank) {
        return v;
      }
    }
    return max;
  }
}
