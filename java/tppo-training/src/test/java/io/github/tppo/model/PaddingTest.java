// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Neither the side nor the length of the padding changes hidden states or gradients of real tokens but by rounding (INVARIANTS 11), and
 * what the padding token is embedded as changes no bit of them (INVARIANTS 1).
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class PaddingTest {
  private static final int PAD = 1;
  private static final int HIDDEN = 16;
  private static final int[][] SEQUENCES = {{3, 9, 4, 11, 12, 7, 30, 8, 5}, {10, 3, 3, 40, 21, 9}, {7}};
  private static final int TOKENS = 16;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  /** Hidden states of the real tokens, packed, and gradients of every parameter. */
  private static Map<String, float[]> run(BiFunction<Tensor, Tensor, Pass> forward, Map<String, Tensor> parameters, int length, boolean left) {
    int batch = SEQUENCES.length;
    int[] ids = new int[batch * length];
    int[] mask = new int[ids.length];
    Arrays.fill(ids, PAD);
    for (int b = 0; b < batch; b++) {
      int first = b * length + (left ? length - SEQUENCES[b].length : 0);
      System.arraycopy(SEQUENCES[b], 0, ids, first, SEQUENCES[b].length);
      Arrays.fill(mask, first, first + SEQUENCES[b].length, 1);
    }
    Map<String, float[]> result = new LinkedHashMap<>();
    Autograd.zeroGradients(parameters.values());
    try (Scope scope = Scope.withGrad()) {
      Pass pass = forward.apply(Tensors.ids(ids, batch, length), Tensors.ids(mask, batch, length));
      float[] all = Tensors.toFloats(pass.hidden());
      float[] real = new float[TOKENS * HIDDEN];
      float[] gradient = new float[all.length];
      int at = 0;
      for (int i = 0; i < all.length; i++) {
        if (mask[i / HIDDEN] == 1) {
          gradient[i] = (float) Math.sin(at);
          real[at++] = all[i];
        }
      }
      Autograd.backward(pass.hidden(), Tensors.of(gradient, batch, length, HIDDEN));
      pass.backward();
      result.put("hidden", real);
      parameters.forEach((name, tensor) -> result.put(name, Autograd.hasGradient(tensor) ? Tensors.toFloats(tensor.grad()) : new float[0]));
    }
    return result;
  }

  private static void assertClose(Map<String, float[]> expected, Map<String, float[]> found) {
    expected.forEach((name, values) -> {
      double largest = 1e-2;
      for (float value : values) {
        largest = Math.max(largest, Math.abs(value));
      }
      assertArrayEquals(values, found.get(name), (float) (2e-5 * largest), name);
    });
  }

  private static void poison(Map<String, Tensor> parameters, List<String> embeddings, float with) {
    try (Scope scope = Scope.noGrad()) {
      embeddings.forEach(name -> parameters.get(name).detach().select(0, PAD).fill_(new Scalar(with)));
    }
  }

  private static void checkPoison(BiFunction<Tensor, Tensor, Pass> forward, Map<String, Tensor> parameters, List<String> embeddings, boolean left) {
    Map<String, float[]> clean = run(forward, parameters, 12, left);
    for (float with : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 1e30f, -1e30f}) {
      poison(parameters, embeddings, with);
      Map<String, float[]> found = run(forward, parameters, 12, left);
      clean.forEach((name, values) -> assertArrayEquals(values, found.get(name), name + " with " + with));
    }
  }

  /** Without a window, and with one of 4. */
  @ParameterizedTest
  @ValueSource(ints = {0, 4})
  void aDecoderDoesNotDependOnItsPadding(int window) {
    try (Decoder model = Decoder.create(DecoderConfig.mistral(50, HIDDEN, 24, 3, 4, 2, 64, window, 0, 2, PAD), 1)) {
      BiFunction<Tensor, Tensor, Pass> forward = (ids, mask) -> model.forward(ids, mask, false);
      Map<String, float[]> shortest = run(forward, model.parameters(), 9, false);
      for (int length : new int[] {9, 10, 23}) {
        for (boolean left : new boolean[] {false, true}) {
          assertClose(shortest, run(forward, model.parameters(), length, left));
        }
      }
      assertEquals(TOKENS * HIDDEN, shortest.get("hidden").length);
      assertTrue(Math.abs(shortest.get("model.layers.0.mlp.up_proj.weight")[0]) > 0);
      for (boolean left : new boolean[] {false, true}) {
        checkPoison(forward, model.parameters(), List.of("model.embed_tokens.weight"), left);
      }
    }
  }

  /** Its padding is on the right: positions are counted from the begin token. */
  @Test
  void aLongformerDoesNotDependOnItsPadding() {
    LongformerConfig config = new LongformerConfig(50, HIDDEN, 24, 2, 2, List.of(4, 6), 40, 2, PAD, 1e-5, 3, 0.1, 0, 2, 2);
    for (boolean cut : new boolean[] {false, true}) {
      try (Longformer model = Longformer.create(config, 1)) {
        if (cut) {
          model.alwaysCut();
        }
        BiFunction<Tensor, Tensor, Pass> forward = (ids, mask) -> {
          int[] global = new int[(int) ids.numel()];
          for (int b = 0; b < SEQUENCES.length; b++) {
            global[b * (int) ids.size(1)] = 1;
          }
          return model.forward(ids, mask, Tensors.ids(global, SEQUENCES.length, ids.size(1)), mask, false);
        };
        Map<String, float[]> shortest = run(forward, model.parameters(), 9, false);
        for (int length : new int[] {10, 23}) {
          assertClose(shortest, run(forward, model.parameters(), length, false));
        }
        checkPoison(forward, model.parameters(),
            List.of("longformer.embeddings.word_embeddings.weight", "longformer.embeddings.position_embeddings.weight"), false);
      }
    }
  }
}
