// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PermutationTest {
  @Test
  void everyIndexOnceAndADifferentOrderForEverySeedAndPass() {
    Set<String> orders = new HashSet<>();
    for (long seed = 0; seed < 20; seed++) {
      for (long pass = 0; pass < 20; pass++) {
        int[] order = Permutation.of(50, seed, pass);
        assertArrayEquals(order, Permutation.of(50, seed, pass), "a pure function");
        orders.add(Arrays.toString(order));
        assertOnce(50, new int[][] {order});
      }
    }
    assertEquals(400, orders.size());
    assertEquals(0, Permutation.of(0, 1, 1).length);
  }

  /** Where index 0 ends up is uniform: a chi-square test over 20,000 passes. */
  @Test
  void everyPlaceIsAsLikely() {
    int n = 8;
    int passes = 20_000;
    int[] counts = new int[n];
    for (int pass = 0; pass < passes; pass++) {
      int[] order = Permutation.of(n, 3, pass);
      for (int i = 0; i < n; i++) {
        counts[i] += order[i] == 0 ? 1 : 0;
      }
    }
    double chi = 0;
    for (int count : counts) {
      chi += Math.pow(count - passes / (double) n, 2) / (passes / (double) n);
    }
    assertTrue(chi < 24.3, "chi-square with 7 degrees of freedom, p = 0.001: " + chi); // a fixed seed: never flaky
  }

  @Test
  void batchesHoldEveryIndexOnce() {
    for (int n : new int[] {1, 5, 16, 17}) {
      int[][] batches = Permutation.batches(n, 4, 9, 2);
      assertEquals((n + 3) / 4, batches.length);
      for (int b = 0; b < batches.length; b++) {
        assertEquals(b < n / 4 ? 4 : n % 4, batches[b].length);
      }
      assertOnce(n, batches);
    }
  }

  @Test
  void bucketedBatchesHoldEveryIndexOnceWithLessPadding() {
    int n = 1003;
    int[] lengths = new SplittableRandom(4).ints(n, 5, 100).toArray();
    int[][] bucketed = Permutation.bucketed(lengths, 16, 8, 9, 2);
    assertOnce(n, bucketed);
    assertEquals(63, bucketed.length);
    assertEquals(62, Arrays.stream(bucketed).filter(b -> b.length == 16).count());
    assertTrue(padding(lengths, bucketed) < 0.3 * padding(lengths, Permutation.batches(n, 16, 9, 2)));
    assertFalse(Arrays.deepEquals(bucketed, Permutation.bucketed(lengths, 16, 8, 9, 3)));
    assertTrue(Arrays.deepEquals(bucketed, Permutation.bucketed(lengths, 16, 8, 9, 2)));
  }

  @Test
  void bucketedBatchesDoNotComeInTheOrderOfLength() {
    int[] lengths = IntStream.range(0, 640).toArray();
    int[][] batches = Permutation.bucketed(lengths, 16, 40, 1, 0); // one window: sorted before it is shuffled
    int rises = 0;
    for (int b = 1; b < batches.length; b++) {
      rises += lengths[batches[b][0]] > lengths[batches[b - 1][0]] ? 1 : 0;
    }
    assertTrue(rises > 10 && rises < 30, rises + " of 39");
  }

  private static long padding(int[] lengths, int[][] batches) {
    long padding = 0;
    for (int[] batch : batches) {
      int longest = Arrays.stream(batch).map(i -> lengths[i]).max().orElseThrow();
      padding += Arrays.stream(batch).map(i -> longest - lengths[i]).sum();
    }
    return padding;
  }

  private static void assertOnce(int n, int[][] batches) {
    int[] all = Arrays.stream(batches).flatMapToInt(Arrays::stream).sorted().toArray();
    assertArrayEquals(IntStream.range(0, n).toArray(), all);
  }
}
