// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.text.TokenSpans;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class RewardBatchTest {
  private static final int PAD = 1;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  static Longformer model(long seed) {
    return Longformer.create(new LongformerConfig(40, 32, 48, 2, 4, List.of(8, 8), 80, 2, PAD, 1e-5, 3, 0.1, 0, 2, 2), seed);
  }

  static RewardInput input(SplittableRandom random, int prompt, int response) {
    int[] ids = random.ints(1 + prompt + response, 3, 40).toArray();
    ids[0] = 0;
    ids[ids.length - 1] = 2;
    return new RewardInput(ids, 1 + prompt, new TokenSpans("", new int[response], new int[response]));
  }

  /** Against every input alone, without padding, and the rows picked by hand. */
  @Test
  void logitsAreThoseOfEachResponsesTokensAlone() {
    SplittableRandom random = new SplittableRandom(3);
    List<RewardInput> inputs = new ArrayList<>();
    for (int[] lengths : new int[][] {{5, 4}, {0, 1}, {20, 11}, {9, 2}}) {
      inputs.add(input(random, lengths[0], lengths[1]));
    }
    RewardBatch batch = new RewardBatch(inputs);
    assertArrayEquals(new int[] {0, 4, 5, 16, 18}, batch.cuSeqlens());
    assertEquals(18, batch.tokens());
    try (Longformer model = model(1); Scope scope = Scope.noGrad()) {
      float[] packed = Tensors.toFloats(batch.logits(model, PAD));
      assertEquals(18 * 3, packed.length);
      for (int b = 0; b < inputs.size(); b++) {
        RewardInput input = inputs.get(b);
        int n = input.ids().length;
        int[] ones = new int[n];
        int[] global = new int[n];
        int[] types = new int[n];
        Arrays.fill(ones, 1);
        global[0] = 1;
        Arrays.fill(types, input.responseStart(), n, 1);
        Tensor alone = model.logits(Tensors.ids(input.ids(), 1, n), Tensors.ids(ones, 1, n), Tensors.ids(global, 1, n),
            Tensors.ids(types, 1, n));
        float[] all = Tensors.toFloats(alone);
        for (int t = input.responseStart(); t < n; t++) {
          for (int c = 0; c < 3; c++) {
            int at = (batch.cuSeqlens()[b] + t - input.responseStart()) * 3 + c;
            assertEquals(all[t * 3 + c], packed[at], 1e-5, "response " + b + " token " + t);
          }
        }
      }
    }
  }

  @Test
  void theHistoryDecidesTheLogits() {
    SplittableRandom random = new SplittableRandom(4);
    RewardInput a = input(random, 8, 5);
    int[] other = a.ids().clone();
    other[3] = other[3] == 5 ? 6 : 5;
    try (Longformer model = model(1); Scope scope = Scope.noGrad()) {
      float[] first = Tensors.toFloats(new RewardBatch(List.of(a)).logits(model, PAD));
      float[] second = Tensors.toFloats(
          new RewardBatch(List.of(new RewardInput(other, a.responseStart(), a.spans()))).logits(model, PAD));
      double difference = 0;
      for (int i = 0; i < first.length; i++) {
        difference = Math.max(difference, Math.abs(first[i] - second[i]));
      }
      assertTrue(difference > 1e-3);
    }
  }

  @Test
  void aSampleHasAClassForEveryScoredToken() {
    RewardInput input = input(new SplittableRandom(1), 2, 3);
    assertThrows(IllegalArgumentException.class, () -> new RewardSample(input, new int[2], 1));
  }
}
