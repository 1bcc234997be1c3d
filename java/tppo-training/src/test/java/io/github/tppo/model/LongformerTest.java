// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class LongformerTest {

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void logitsEqualThoseOfTransformers(boolean alwaysCut) throws IOException {
    SafeTensors expected = Fixtures.expected("longformer");
    List<String> cases = Fixtures.cases(expected, "_logits");
    assertEquals(4, cases.size());
    try (Longformer model = Longformer.load(Fixtures.checkpoint("longformer"))) {
      if (alwaysCut) {
        model.alwaysCut();
      }
      for (String name : cases) {
        try (Scope scope = Scope.noGrad()) {
          Tensor global = expected.names().contains(name + "_global_attention_mask")
              ? expected.read(name + "_global_attention_mask") : null;
          Tensor logits = model.logits(expected.read(name + "_input_ids"), expected.read(name + "_attention_mask"), global, null);
          assertArrayEquals(Tensors.toFloats(expected.read(name + "_logits")), Tensors.toFloats(logits), 5e-5f, name);
        }
      }
    }
  }

  /** Forward and gradient of the cut attention against one dense softmax that is written out, with and without globals. */
  @ParameterizedTest
  @CsvSource({"23, 3, true", "23, 3, false", "8, 4, true", "5, 7, true", "1, 2, false"})
  void theCutWindowEqualsDenseMaskedAttention(int time, int side, boolean withGlobals) {
    int batch = 2;
    int heads = 2;
    int size = 4;
    long[] attention = new long[batch * time];
    long[] global = new long[batch * time];
    for (int i = 0; i < attention.length; i++) {
      attention[i] = i < time + Math.max(1, time - 3) ? 1 : 0;
      global[i] = withGlobals && (i == 0 || i == 2 || i == time + time / 2) ? 1 : 0;
    }
    List<float[]> cut = outputAndGradients(batch, time, heads, size, side, attention, global, true);
    List<float[]> dense = outputAndGradients(batch, time, heads, size, side, attention, global, false);
    for (int i = 0; i < cut.size(); i++) {
      assertArrayEquals(dense.get(i), cut.get(i), 2e-5f, "output, then gradients of query, key and value: " + i);
    }
  }

  private static List<float[]> outputAndGradients(int batch, int time, int heads, int size, int side, long[] attention, long[] global,
      boolean cut) {
    Map<String, Tensor> leaves = new LinkedHashMap<>();
    try (Scope scope = Scope.withGrad()) {
      for (String name : List.of("query", "key", "value")) {
        float[] values = new float[batch * time * heads * size];
        Philox.normals(5, name.length() + name.charAt(0), values);
        Tensor leaf = Tensors.of(values, batch, time, heads, size);
        leaf.set_requires_grad(true);
        leaves.put(name, leaf);
      }
      Tensor out = cut
          ? new SlidingWindow(attention, global, batch, time, new int[] {side}, true)
              .local(leaves.get("query"), leaves.get("key"), leaves.get("value"), side)
          : dense(leaves, time, side, attention, global);
      float[] gradient = new float[batch * time * heads * size];
      Philox.normals(6, 0, gradient);
      for (int i = 0; i < gradient.length; i++) {
        gradient[i] *= attention[i / (heads * size)];
      }
      float[] output = Tensors.toFloats(out);
      for (int i = 0; i < output.length; i++) {
        output[i] *= attention[i / (heads * size)];
      }
      Autograd.backward(out, Tensors.of(gradient, batch, time, heads * size));
      return List.of(output, Tensors.toFloats(leaves.get("query").grad()), Tensors.toFloats(leaves.get("key").grad()),
          Tensors.toFloats(leaves.get("value").grad()));
    }
  }

  private static Tensor dense(Map<String, Tensor> leaves, int time, int side, long[] attention, long[] global) {
    int batch = attention.length / time;
    float[] bias = new float[batch * time * time];
    for (int b = 0; b < batch; b++) {
      for (int i = 0; i < time; i++) {
        for (int j = 0; j < time; j++) {
          boolean near = Math.abs(i - j) <= side || global[b * time + j] == 1;
          boolean seen = near && attention[b * time + j] == 1 || (i == j && attention[b * time + i] == 0);
          bias[(b * time + i) * time + j] = seen ? 0 : Float.NEGATIVE_INFINITY;
        }
      }
    }
    Tensor query = leaves.get("query").transpose(1, 2);
    long size = query.size(3);
    Tensor scores = query.matmul(leaves.get("key").transpose(1, 2).transpose(2, 3)).div(new Scalar(Math.sqrt(size)));
    Tensor weights = scores.add(Tensors.of(bias, batch, 1, time, time)).softmax(-1);
    return weights.matmul(leaves.get("value").transpose(1, 2)).transpose(1, 2).reshape(batch, time, -1);
  }

  @Test
  void paddingChangesNothing() {
    LongformerConfig config = LongformerConfig.of(40, 16, 24, 2, 2, 4, 60, 3, 0, 2, 1);
    int[] ids = new int[30];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 3 + i;
    }
    try (Longformer model = Longformer.create(config, 1); Scope scope = Scope.noGrad()) {
      float[] alone = Tensors.toFloats(model.logits(Tensors.ids(ids, 1, 30), null, null, null));
      Tensor padded = torch.cat(new TensorVector(Tensors.ids(ids, 1, 30), Tensors.ids(new int[] {1, 1, 1}, 1, 3)), 1);
      float[] both = Tensors.toFloats(model.logits(padded, padded.ne(new Scalar(1)).to(torch.ScalarType.Long), null, null));
      for (int i = 0; i < alone.length; i++) {
        assertEquals(alone[i], both[i], 1e-5);
      }
    }
  }

  @Test
  void tokenTypesAndEveryParameterTakePart(@TempDir Path folder) throws IOException {
    LongformerConfig config = LongformerConfig.of(40, 16, 24, 2, 2, 4, 60, 1, 0, 2, 1);
    try (Longformer model = Longformer.create(config, 1)) {
      try (Scope scope = Scope.withGrad()) {
        Tensor ids = Tensors.ids(new int[] {0, 5, 6, 7, 8, 9, 10, 11, 12, 2}, 1, 10);
        Tensor types = Tensors.ids(new int[] {0, 0, 0, 0, 1, 1, 1, 1, 1, 1}, 1, 10);
        Tensor global = Tensors.ids(new int[] {1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1, 10);
        Tensor scores = model.logits(ids, null, global, types);
        assertArrayEquals(new long[] {1, 10, 1}, Tensors.shape(scores));
        Autograd.backward(scores, torch.randn_like(scores));
        for (Map.Entry<String, Tensor> p : model.parameters().entrySet()) {
          // a bias of keys shifts all scores of a query alike, so its gradient is zero but for rounding
          assertTrue(Autograd.hasGradient(p.getValue()), p.getKey());
        }
      }
      model.save(folder);
      try (Longformer loaded = Longformer.load(folder); Longformer copy = model.copy()) {
        assertEquals(config, loaded.config());
        for (Map.Entry<String, Tensor> p : model.parameters().entrySet()) {
          assertArrayEquals(Tensors.toFloats(p.getValue()), Tensors.toFloats(loaded.parameters().get(p.getKey())));
          assertArrayEquals(Tensors.toFloats(p.getValue()), Tensors.toFloats(copy.parameters().get(p.getKey())));
        }
      }
    }
  }

  @Test
  void bothFormsOfConfigAreReadAndLongSequencesRefused() throws IOException {
    Path folder = Fixtures.checkpoint("longformer");
    assertEquals(LongformerConfig.read(folder.resolve("config.json")), LongformerConfig.read(folder.resolve("config_classic.json")));
    try (Longformer model = Longformer.load(folder); Scope scope = Scope.noGrad()) {
      int[] ids = new int[129];
      Arrays.fill(ids, 5);
      Exception e = assertThrows(IllegalArgumentException.class,
          () -> model.hidden(Tensors.ids(ids, 1, 129), null, null, null));
      assertTrue(e.getMessage().contains("at most 128"), e.getMessage());
    }
  }
}
