// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The whole model with its sequences cut into windows against the same in one piece under a mask, which is the definition. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class SlidingWindowTest {

  private static final int LABELS = 3;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void cuttingChangesNeitherLogitsNorGradients(long seed) {
    Random random = new Random(seed);
    int time = 2 + random.nextInt(40);
    int batch = 1 + random.nextInt(3);
    // windows far beyond a quarter of T, so that one of the two runs is in one piece
    List<Integer> windows = List.of(2 * (time / 4 + 1 + random.nextInt(time)), 2 * (time / 4 + 1 + random.nextInt(6)));
    LongformerConfig config = new LongformerConfig(30, 12, 20, 2, 3, windows, 60, 2, 1, 1e-5, LABELS, 0.2, 0, 2, 2);
    long[] ids = new long[batch * time];
    long[] attention = new long[ids.length];
    long[] global = new long[ids.length];
    long[] types = new long[ids.length];
    boolean left = random.nextBoolean();
    for (int b = 0; b < batch; b++) {
      int length = 1 + random.nextInt(time);
      for (int t = 0; t < time; t++) {
        int i = b * time + t;
        boolean real = left ? t >= time - length : t < length;
        attention[i] = real ? 1 : 0;
        ids[i] = real ? 2 + random.nextInt(28) : 1;
        global[i] = random.nextInt(6) == 0 ? 1 : 0;
        types[i] = random.nextInt(2);
      }
    }
    float[] gradient = new float[batch * time * LABELS];
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] = attention[i / LABELS] * (float) random.nextGaussian();
    }
    try (Longformer whole = Longformer.create(config, seed); Longformer cut = whole.copy()) {
      cut.alwaysCut();
      List<float[]> expected = run(whole, ids, attention, global, types, batch, time, gradient);
      List<float[]> found = run(cut, ids, attention, global, types, batch, time, gradient);
      for (int i = 0; i < expected.size(); i++) {
        assertArrayEquals(expected.get(i), found.get(i), 5e-5f, "logits, then gradients: " + i + ", T " + time + ", windows " + windows);
      }
    }
  }

  private static List<float[]> run(Longformer model, long[] ids, long[] attention, long[] global, long[] types, int batch, int time,
      float[] gradient) {
    try (Scope scope = Scope.withGrad()) {
      Tensor logits = model.logits(Tensors.of(ids, batch, time), Tensors.of(attention, batch, time),
          Tensors.of(global, batch, time), Tensors.of(types, batch, time));
      Autograd.backward(logits, Tensors.of(gradient, batch, time, LABELS));
      List<float[]> results = new ArrayList<>(List.of(Tensors.toFloats(logits)));
      for (Tensor parameter : model.parameters().values()) {
        results.add(Autograd.hasGradient(parameter) ? Tensors.toFloats(parameter.grad()) : new float[0]);
      }
      return results;
    }
  }
}
