// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class SequenceBatchTest {
  private static final List<Sequence> DATA = List.of(
      new Sequence(new int[] {10, 11, 12}, new int[] {13, 14}),
      new Sequence(new int[] {20}, new int[] {21}),
      new Sequence(new int[] {30, 31}, new int[0]),
      new Sequence(new int[] {40}, new int[] {41, 42, 43}));

  @Test
  void idsAndMaskArePaddedOnTheRight() {
    try (Scope scope = Scope.noGrad()) {
      SequenceBatch batch = SequenceBatch.ofResponses(DATA);
      assertEquals(4, batch.size());
      assertArrayEquals(new long[] {10, 11, 12, 13, 14, 20, 21, 1, 1, 1, 30, 31, 1, 1, 1, 40, 41, 42, 43, 1},
          Tensors.toLongs(batch.inputIds(1)));
      assertArrayEquals(new long[] {1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0},
          Tensors.toLongs(batch.attentionMask()));
    }
  }

  @Test
  void aResponseTokenIsPredictedByTheRowBeforeIt() {
    SequenceBatch batch = SequenceBatch.ofResponses(DATA);
    assertArrayEquals(new int[] {0, 2, 3, 3, 6}, batch.cuSeqlens());
    assertArrayEquals(new long[] {13, 14, 21, 41, 42, 43}, batch.targets());
    assertArrayEquals(new double[] {2, 3, 5, 15, 16, 17}, rows(batch));
  }

  @Test
  void allTokensButTheFirstAreScored() {
    SequenceBatch batch = SequenceBatch.ofAllTokens(DATA);
    assertArrayEquals(new int[] {0, 4, 5, 6, 9}, batch.cuSeqlens());
    assertArrayEquals(new long[] {11, 12, 13, 14, 21, 31, 41, 42, 43}, batch.targets());
    assertArrayEquals(new double[] {0, 1, 2, 3, 5, 10, 15, 16, 17}, rows(batch));
  }

  /** The indices of the scored rows: hidden states that hold their own index. */
  private static double[] rows(SequenceBatch batch) {
    float[] index = new float[4 * 5];
    for (int i = 0; i < index.length; i++) {
      index[i] = i;
    }
    try (Scope scope = Scope.noGrad()) {
      Tensor rows = batch.scoredRows(Tensors.of(index, 4, 5, 1));
      return Tensors.toDoubles(rows);
    }
  }
}
