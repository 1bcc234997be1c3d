// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.run.Check;
import it.unimi.dsi.fastutil.ints.IntArrays;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Seeded orders of training data: a pure function of (seed, pass), so that a resumed run sees the same order. */
public final class Permutation {
  private Permutation() {}

  /** A permutation of 0..n-1 for one pass over the data. */
  public static int[] of(int n, long seed, long pass) {
    Check.atLeast("n", n, 0);
    SplittableRandom random = new SplittableRandom(mix(seed, pass));
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  /** A permutation of 0..n-1 cut into batches; the last one may be smaller. */
  public static int[][] batches(int n, int batch, long seed, long pass) {
    Check.atLeast("batch", batch, 1);
    int[] order = of(n, seed, pass);
    int[][] batches = new int[batches(n, batch)][];
    for (int b = 0; b < batches.length; b++) {
      batches[b] = Arrays.copyOfRange(order, b * batch, (int) Math.min(n, (b + 1L) * batch));
    }
    return batches;
  }

  /** How many batches {@code n} make; the last one may be smaller. */
  static int batches(int n, int batch) {
    return (int) ((n + (long) batch - 1) / batch);
  }

  /**
   * Batches of one pass in which sequences have similar lengths (less padding): the permuted data is cut into
   * windows of {@code window} batches, each window is sorted by length, and the batches of all windows are shuffled.
   */
  public static int[][] bucketed(int[] lengths, int batch, int window, long seed, long pass) {
    Check.atLeast("batch", batch, 1);
    Check.atLeast("window", window, 1);
    int[] order = of(lengths.length, seed, pass);
    int count = batches(lengths.length, batch);
    int[][] batches = new int[count][];
    int end = 0;
    for (int start = 0; start < order.length; start = end) {
      end = (int) Math.min(order.length, start + (long) batch * window);
      IntArrays.stableSort(order, start, end, (a, b) -> Integer.compare(lengths[a], lengths[b]));
      for (int b = start; b >= start && b < end; b += batch) {
        batches[b / batch] = Arrays.copyOfRange(order, b, (int) Math.min(end, b + (long) batch));
      }
    }
    int[] shuffle = of(count, mix(seed, 0x5eed), pass);
    int[][] result = new int[count][];
    for (int i = 0; i < count; i++) {
      result[i] = batches[shuffle[i]];
    }
    return result;
  }

  /** A seed of its own for each stream number: SplitMix64's finaliser over the two words. */
  public static long mix(long seed, long stream) {
    long z = seed * 0x9e3779b97f4a7c15L + stream;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
