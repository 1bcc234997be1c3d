// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Random;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

/** A list of rows gives what a mask gives; slots outside the list keep whatever they hold. */
class RowListTest {

  private static final int TOKENS = 29;
  private static final int VOCAB = 71;
  private static final float KEPT = -77;

  private final int[] rows = {0, 3, 4, 5, 11, 12, 20, 28};
  private final byte[] mask = new byte[TOKENS];
  private final float[] logits = new float[TOKENS * VOCAB];
  private final long[] targets = new long[TOKENS];
  private final float[] perToken = new float[TOKENS];
  private final NativeArray bounds = NativeArray.ofInts(0, 4, 4, 13, 29);
  private final TokenLayout masked;
  private final TokenLayout listed = TokenLayout.packed(TOKENS, bounds).withRows(NativeArray.ofInts(rows));

  RowListTest() {
    Random random = new Random(4);
    for (int row : rows) {
      mask[row] = 1;
    }
    for (int i = 0; i < TOKENS; i++) {
      for (int v = 0; v < VOCAB; v++) {
        logits[i * VOCAB + v] = mask[i] != 0 ? (float) random.nextGaussian() : Float.NaN;
      }
      targets[i] = mask[i] != 0 ? random.nextInt(VOCAB) : Long.MIN_VALUE;
      perToken[i] = mask[i] != 0 ? (float) random.nextGaussian() : Float.NaN;
    }
    masked = TokenLayout.packed(TOKENS, bounds).withMask(NativeArray.ofBytes(mask));
  }

  private static NativeArray filled(int count) {
    float[] values = new float[count];
    Arrays.fill(values, KEPT);
    return NativeArray.ofFloats(values);
  }

  /** Equal bits at the rows of the list, {@link #KEPT} elsewhere. */
  private void assertAtRows(NativeArray expected, NativeArray found) {
    float[] e = expected.toFloats();
    float[] f = found.toFloats();
    int width = e.length / TOKENS;
    for (int i = 0; i < e.length; i++) {
      assertEquals(mask[i / width] != 0 ? e[i] : KEPT, f[i], "element " + i);
    }
  }

  /** The terms are the same, but a sum over fewer rows may be divided otherwise. */
  private static void assertSums(Record expected, Record found) {
    for (RecordComponent sum : expected.getClass().getRecordComponents()) {
      try {
        double e = (double) sum.getAccessor().invoke(expected);
        assertEquals(e, (double) sum.getAccessor().invoke(found), 1e-13 * Math.abs(e), sum.getName());
      } catch (ReflectiveOperationException failure) {
        throw new AssertionError(failure);
      }
    }
  }

  @Test
  void tokenLogProbs() {
    NativeArray[] logprobs = {filled(TOKENS), filled(TOKENS)};
    TokenLogProbsStats[] stats = new TokenLogProbsStats[2];
    for (int k = 0; k < 2; k++) {
      stats[k] = Kernels.tokenLogProbs(k == 0 ? masked : listed, Logits.of(NativeArray.ofFloats(logits), VOCAB),
          NativeArray.ofLongs(targets), TokenLogProbsOptions.defaults(),
          TokenLogProbsOutputs.none().withLogprob(logprobs[k]));
    }
    assertSums(stats[0], stats[1]);
    assertEquals(rows.length, stats[1].valid());
    assertAtRows(logprobs[0], logprobs[1]);
  }

  @Test
  void policyLossOfEveryAggregation() {
    for (Aggregation aggregation : Aggregation.values()) {
      NativeArray[] gradients = {filled(TOKENS * VOCAB), filled(TOKENS * VOCAB)};
      NativeArray[] ratios = {filled(TOKENS), filled(TOKENS)};
      PolicyLossStats[] stats = new PolicyLossStats[2];
      for (int k = 0; k < 2; k++) {
        NativeArray values = NativeArray.ofFloats(perToken);
        stats[k] = Kernels.policyLoss(k == 0 ? masked : listed, Logits.of(NativeArray.ofFloats(logits), VOCAB),
            NativeArray.ofLongs(targets), values, values, values,
            PolicyLossOptions.defaults().withAggregation(aggregation).withKlCoef(0.1),
            PolicyLossOutputs.none().withRatio(ratios[k]).withGradLogits(gradients[k]));
      }
      assertSums(stats[0], stats[1]);
      assertAtRows(ratios[0], ratios[1]);
      assertAtRows(gradients[0], gradients[1]);
    }
  }

  @Test
  void nllLossInPlace() {
    NativeArray[] arrays = {NativeArray.ofFloats(logits), NativeArray.ofFloats(logits)};
    NllLossStats[] stats = new NllLossStats[2];
    for (int k = 0; k < 2; k++) {
      stats[k] = Kernels.nllLoss(k == 0 ? masked : listed, Logits.of(arrays[k], VOCAB),
          NativeArray.ofLongs(targets), NativeArray.ofFloats(perToken),
          NllLossOptions.defaults().withNormalizer(3), NllLossOutputs.none().withGradLogits(arrays[k]));
    }
    assertSums(stats[0], stats[1]);
    for (int i = 0; i < TOKENS; i++) {
      float[] expected = arrays[0].slice((long) i * VOCAB, VOCAB).toFloats();
      float[] found = arrays[1].slice((long) i * VOCAB, VOCAB).toFloats();
      // In place, a slot outside the list keeps the logits.
      assertArrayEquals(mask[i] != 0 ? expected : Arrays.copyOfRange(logits, i * VOCAB, (i + 1) * VOCAB), found);
    }
  }

  @Test
  void listsOutOfOrderOrRangeAreRefused() {
    for (int[] wrong : new int[][] {{3, 3}, {5, 4}, {-1, 2}, {0, TOKENS}}) {
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> Kernels.tokenLogProbs(
          TokenLayout.flat(TOKENS).withRows(NativeArray.ofInts(wrong)),
          Logits.of(NativeArray.ofFloats(logits), VOCAB), NativeArray.ofLongs(targets),
          TokenLogProbsOptions.defaults(), TokenLogProbsOutputs.none()));
      assertTrue(e.getMessage().contains("rows["), e.getMessage());
    }
  }

  @Test
  void anEmptyListWithoutAnAddressCountsNoToken() {
    NativeArray none = NativeArray.of(new Pointer(), 0, DType.I32);
    TokenLayout layout = TokenLayout.packed(TOKENS, bounds).withRows(none);
    NativeArray logprob = filled(TOKENS);
    TokenLogProbsStats stats = Kernels.tokenLogProbs(layout, Logits.of(NativeArray.ofFloats(logits), VOCAB),
        NativeArray.ofLongs(targets), TokenLogProbsOptions.defaults(), new TokenLogProbsOutputs(logprob, null));
    assertEquals(0, stats.valid());
    assertArrayEquals(filled(TOKENS).toFloats(), logprob.toFloats());
  }
}
