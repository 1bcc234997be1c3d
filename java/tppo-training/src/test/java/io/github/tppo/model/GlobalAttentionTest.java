// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class GlobalAttentionTest {

  private static final int BATCH = 3;
  private static final int TIME = 11;
  private static final int HEADS = 2;
  private static final int WIDTH = 8;
  private static final String PREFIX = "self.";

  private interface Way {
    Tensor run(GlobalAttention attention, Tensor query, Tensor x, Tensor bias);
  }

  /** Output and gradients of query, x and all parameters must not depend on how the products are grouped. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void groupingChangesNothing(int globals) {
    List<float[]> projected = results(globals, GlobalAttention::projected);
    List<float[]> regrouped = results(globals, GlobalAttention::regrouped);
    for (int i = 0; i < projected.size(); i++) {
      assertArrayEquals(projected.get(i), regrouped.get(i), 1e-5f, "output, query, x, parameters: " + i);
    }
  }

  private static List<float[]> results(int globals, Way way) {
    Parameters.Layout layout = new Parameters.Layout(0);
    for (String name : List.of("query_global", "key_global", "value_global")) {
      layout.add(PREFIX + name + ".weight", Parameters.Init.NORMAL, WIDTH, WIDTH);
      layout.add(PREFIX + name + ".bias", Parameters.Init.NORMAL, WIDTH);
    }
    try (Parameters parameters = Parameters.create(layout, 0.5, 3); Scope scope = Scope.withGrad()) {
      Tensor query = leaf(1, BATCH, globals, WIDTH);
      Tensor x = leaf(2, BATCH, TIME, WIDTH);
      long[] attention = new long[BATCH * TIME];
      for (int i = 0; i < attention.length; i++) {
        attention[i] = i % TIME < TIME - i / TIME ? 1 : 0;
      }
      Tensor bias = DecoderMasks.toBias(Tensors.of(attention, BATCH, 1, 1, TIME).ne(new Scalar(0)));
      Tensor out = way.run(new GlobalAttention(parameters, PREFIX, HEADS), query, x, bias);
      Autograd.backward(out, Tensors.of(normals(4, BATCH * globals * WIDTH), BATCH, globals, WIDTH));
      List<float[]> results = new ArrayList<>(List.of(Tensors.toFloats(out), Tensors.toFloats(query.grad()),
          Tensors.toFloats(x.grad())));
      for (Map.Entry<String, Tensor> p : parameters.map().entrySet()) {
        if (!p.getKey().contains("query")) {
          results.add(Tensors.toFloats(p.getValue().grad()));
        }
      }
      return results;
    }
  }

  /** Any number of global tokens, a different one in each sequence, against the sequences one by one, where G and the way taken differ. */
  @Test
  void manyGlobalsAndNoneInOneBatchGiveTheSameLogitsAsEachSequenceAlone() {
    LongformerConfig config = new LongformerConfig(40, WIDTH, 12, 2, HEADS, List.of(4, 6), 60, 2, 1, 1e-5, 3, 0.3, 0, 2, 2);
    Random random = new Random(8);
    try (Longformer model = Longformer.create(config, 5); Scope scope = Scope.noGrad()) {
      int[] counts = {0, 1, 7, TIME * 2};
      int time = TIME * 2;
      int[] ids = new int[counts.length * time];
      int[] types = new int[ids.length];
      int[] global = new int[ids.length];
      for (int b = 0; b < counts.length; b++) {
        List<Integer> places = new ArrayList<>();
        for (int t = 0; t < time; t++) {
          ids[b * time + t] = 3 + random.nextInt(37);
          types[b * time + t] = random.nextInt(2);
          places.add(t);
        }
        Collections.shuffle(places, random);
        for (int place : places.subList(0, counts[b])) {
          global[b * time + place] = 1;
        }
      }
      float[] together = logits(model, ids, global, types, counts.length, time);
      for (int b = 0; b < counts.length; b++) {
        float[] alone = logits(model, row(ids, b, time), row(global, b, time), row(types, b, time), 1, time);
        int size = time * config.labels();
        assertArrayEquals(alone, Arrays.copyOfRange(together, b * size, (b + 1) * size), 2e-5f, counts[b] + " globals");
      }
    }
  }

  private static float[] logits(Longformer model, int[] ids, int[] global, int[] types, int batch, int time) {
    Tensor mask = Tensors.ids(global, batch, time);
    return Tensors.toFloats(model.logits(Tensors.ids(ids, batch, time), null, mask, Tensors.ids(types, batch, time)));
  }

  private static int[] row(int[] values, int row, int time) {
    return Arrays.copyOfRange(values, row * time, (row + 1) * time);
  }

  private static Tensor leaf(long stream, long... shape) {
    int count = 1;
    for (long size : shape) {
      count *= (int) size;
    }
    Tensor tensor = Tensors.of(normals(stream, count), shape);
    tensor.set_requires_grad(true);
    return tensor;
  }

  private static float[] normals(long stream, int count) {
    float[] values = new float[count];
    Philox.normals(9, stream, values);
    return values;
  }
}
