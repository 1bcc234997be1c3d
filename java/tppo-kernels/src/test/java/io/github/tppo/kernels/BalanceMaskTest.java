// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class BalanceMaskTest {

  private static final int SEQUENCES = 40;
  private static final int LENGTH = 100;

  /** Nine of ten labelled tokens are of class 2, one token in eleven is of class 0. */
  private static int[] labels() {
    int[] labels = new int[SEQUENCES * LENGTH];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = i % 11 == 0 ? 0 : i % 10 == 0 ? 1 : 2;
    }
    return labels;
  }

  @Test
  void largerClassIsThinnedToAboutRhoTimesTheSmaller() {
    NativeArray out = NativeArray.allocate(DType.U8, SEQUENCES * LENGTH);
    BalanceMaskStats stats = Kernels.balanceMask(TokenLayout.padded(SEQUENCES, LENGTH),
        NativeArray.ofInts(labels()), null, BalanceMaskOptions.defaults().withSeed(1), out);
    assertEquals(stats.count1(), stats.kept1());
    double expected = 3 * stats.count1();
    assertEquals(expected, stats.kept2(), 4 * Math.sqrt(expected));
    byte[] kept = out.toBytes();
    int[] labels = labels();
    for (int i = 0; i < kept.length; i++) {
      assertTrue(labels[i] == 2 || kept[i] == 1);
    }
  }

  @Test
  void microBatchesDrawAsTheBatchDoes() {
    NativeArray labels = NativeArray.ofInts(labels());
    NativeArray whole = NativeArray.allocate(DType.U8, labels.length());
    BalanceMaskOptions options = BalanceMaskOptions.defaults().withSeed(5).withStep(9);
    BalanceMaskStats stats =
        Kernels.balanceMask(TokenLayout.padded(SEQUENCES, LENGTH), labels, null, options, whole);
    NativeArray parts = NativeArray.allocate(DType.U8, labels.length());
    int half = SEQUENCES / 2;
    for (int first = 0; first < SEQUENCES; first += half) {
      long offset = (long) first * LENGTH;
      long count = (long) half * LENGTH;
      Kernels.balanceMask(TokenLayout.padded(half, LENGTH), labels.slice(offset, count), null,
          options.withFirstSample(first).withCount1((long) stats.count1()).withCount2((long) stats.count2()),
          parts.slice(offset, count));
    }
    assertArrayEquals(whole.toBytes(), parts.toBytes());
  }

  @Test
  void everythingIsKeptWhenAClassIsAbsent() {
    NativeArray out = NativeArray.allocate(DType.U8, 4);
    Kernels.balanceMask(TokenLayout.flat(4), NativeArray.ofInts(2, 2, 0, 2), null, BalanceMaskOptions.defaults(), out);
    assertArrayEquals(new byte[] {1, 1, 1, 1}, out.toBytes());
  }
}
