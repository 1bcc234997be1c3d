// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.SampleTokensOptions;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The random numbers of generation, and the choices that the kernel makes with them. */
class TokenChoiceTest {

  /** Ids chosen from a distribution with the numbers of so many streams. */
  private static int[] choices(SampleTokensOptions options, float[] p, int streams) {
    float[] logits = new float[streams * p.length];
    double[] uniforms = new double[streams];
    for (int i = 0; i < streams; i++) {
      for (int id = 0; id < p.length; id++) {
        logits[i * p.length + id] = (float) Math.log(p[id]);
      }
      uniforms[i] = Philox.uniform(9, i, 77);
    }
    NativeArray numbers = NativeArray.allocate(DType.F64, streams);
    numbers.buffer().asDoubleBuffer().put(uniforms);
    NativeArray ids = NativeArray.allocate(DType.I32, streams);
    Kernels.sampleTokens(NativeArray.ofFloats(logits), streams, p.length, options, numbers, ids, null);
    return ids.toInts();
  }

  private static List<Integer> seen(SampleTokensOptions options, float... p) {
    return Arrays.stream(choices(options, p, 400)).distinct().sorted().boxed().toList();
  }

  @Test
  void topKAndTopPKeepTheMostProbable() {
    float[] p = {0.05f, 0.4f, 0.1f, 0.3f, 0.15f};
    assertEquals(List.of(1, 3), seen(new SampleTokensOptions(1, 2, 1), p));
    assertEquals(List.of(1, 3), seen(new SampleTokensOptions(1, 0, 0.65), p));
    assertEquals(List.of(1, 3, 4), seen(new SampleTokensOptions(1, 0, 0.8), p));
    assertEquals(List.of(1), seen(new SampleTokensOptions(1, 0, 0.01), p));
    assertEquals(List.of(0, 1, 2, 3, 4), seen(new SampleTokensOptions(1, 0, 1), p));
    assertEquals(List.of(1), seen(new SampleTokensOptions(0, 0, 1), p));
    assertEquals(List.of(0), seen(new SampleTokensOptions(0, 0, 1), 0.5f, 0.5f));
  }

  @Test
  void sampledSharesFollowTheDistribution() {
    float[] p = {0.5f, 0, 0.2f, 0.3f};
    int n = 40_000;
    for (SampleTokensOptions options : List.of(SampleTokensOptions.defaults(), new SampleTokensOptions(1, 3, 1))) {
      int[] counts = new int[p.length];
      for (int id : choices(options, p, n)) {
        counts[id]++;
      }
      for (int id = 0; id < p.length; id++) {
        // five standard deviations of a binomial share
        assertEquals(p[id], counts[id] / (double) n, 5 * Math.sqrt(p[id] * (1 - p[id]) / n) + 1e-9);
      }
    }
  }

  /** Known answers of Random123 1.14, the reference implementation. */
  @Test
  void philoxEqualsItsReferenceImplementation() {
    int[] words = new int[4];
    Philox.words(0, 0, 0, words);
    assertArrayEquals(new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, words);
    Philox.words(-1, -1, -1, words);
    assertArrayEquals(new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, words);
    Philox.words(0x299f31d0a4093822L, 0x85a308d3243f6a88L, 0x0370734413198a2eL, words);
    assertArrayEquals(new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}, words);
  }
}
