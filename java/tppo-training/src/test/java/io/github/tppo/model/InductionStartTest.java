// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class InductionStartTest {

  private static final int VOCAB = 512;
  private static final int HALF = 24;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  private static DecoderConfig config(int layers, int heads, int kvHeads, double theta) {
    return new DecoderConfig(DecoderConfig.Type.MISTRAL, VOCAB, 128, 128, layers, heads, kvHeads, 128 / heads, 256, 1e-5,
        RopeScaling.of(theta), 0, 0, true, false, false, false, 0.02, 0, 2, 1);
  }

  /** Mean loss of the predictions within the first and within the second copy of a random sequence. */
  private static double[] losses(Decoder policy, int sequences) {
    SplittableRandom random = new SplittableRandom(7);
    int[] ids = new int[sequences * 2 * HALF];
    for (int s = 0; s < sequences; s++) {
      int[] half = random.ints(3, VOCAB).distinct().limit(HALF).toArray();
      System.arraycopy(half, 0, ids, s * 2 * HALF, HALF);
      System.arraycopy(half, 0, ids, s * 2 * HALF + HALF, HALF);
    }
    double[] sums = new double[2];
    try (Scope scope = Scope.noGrad()) {
      Tensor hidden = policy.hidden(Tensors.ids(ids, sequences, 2 * HALF), null);
      float[] logprobs = Tensors.toFloats(hidden.matmul(policy.outputWeight().t()).log_softmax(2));
      for (int s = 0; s < sequences; s++) {
        for (int t = 0; t + 1 < 2 * HALF; t++) {
          if (t != HALF - 1) { // what follows the first copy could be anything
            int at = s * 2 * HALF + t;
            sums[t / HALF] -= logprobs[at * VOCAB + ids[at + 1]] / (sequences * (HALF - 1.0));
          }
        }
      }
    }
    return sums;
  }

  @Test
  void copiesWhatCameAfterTheCurrentTokenBeforeAnyTraining() {
    for (long seed = 1; seed <= 3; seed++) {
      try (Decoder policy = Decoder.create(config(3, 2, 2, 1e6), seed)) {
        double[] random = losses(policy, 8);
        assertTrue(Math.abs(random[1] - random[0]) < 0.3, "a random policy does not copy");
        InductionStart.apply(policy, seed);
        double[] losses = losses(policy, 8);
        double uniform = Math.log(VOCAB);
        assertTrue(losses[0] < uniform + 1, "the first copy is about as hard as guessing: " + losses[0]);
        assertTrue(losses[1] < 0.5 * uniform, "seed " + seed + ": " + losses[1] + ", uniform " + uniform);
      }
    }
  }

  @Test
  void aSeedGivesTheSameWeightsAndAnotherSeedOthers() {
    try (Decoder a = Decoder.create(config(2, 2, 2, 1e6), 1); Decoder b = Decoder.create(config(2, 2, 2, 1e6), 1);
        Decoder c = Decoder.create(config(2, 2, 2, 1e6), 1)) {
      InductionStart.apply(a, 5);
      InductionStart.apply(b, 5);
      InductionStart.apply(c, 6);
      a.parameters().forEach((name, tensor) -> {
        float[] values = Tensors.toFloats(tensor);
        assertArrayEquals(values, Tensors.toFloats(b.parameters().get(name)), name);
        for (float v : values) {
          assertTrue(Float.isFinite(v), name);
        }
        assertTrue(tensor.requires_grad(), name + " is trained");
      });
      String name = "model.layers.1.self_attn.q_proj.weight";
      assertFalse(Arrays.equals(Tensors.toFloats(a.parameters().get(name)), Tensors.toFloats(c.parameters().get(name))));
    }
  }

  @Test
  void shapesThatCannotHoldTheHeadsAreRefusedAndLeftAlone() {
    DecoderConfig[] refused = {config(1, 2, 2, 1e6), config(2, 2, 1, 1e6), config(2, 2, 2, 10)};
    for (DecoderConfig config : refused) {
      try (Decoder policy = Decoder.create(config, 1)) {
        float[] before = Tensors.toFloats(policy.outputWeight());
        Throwable error = assertThrows(IllegalArgumentException.class, () -> InductionStart.apply(policy, 1));
        assertTrue(error.getMessage().startsWith("sft.init induction"), error.getMessage());
        assertArrayEquals(before, Tensors.toFloats(policy.outputWeight()));
      }
    }
    assertEquals(3, refused.length);
  }
}
