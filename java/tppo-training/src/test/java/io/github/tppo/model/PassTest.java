// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.PeakMemory;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class PassTest {

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  /** Ids of two sequences, the second padded on the right by four. */
  private static final int[] IDS = {3, 9, 4, 11, 12, 7, 30, 8, 5, 6, 10, 3, 3, 40, 21, 9, 1, 1, 1, 1};
  private static final int[] MASK = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0};

  private static Tensor batch(int[] values) {
    return Tensors.ids(values, 2, 10);
  }

  /** Hidden states and gradients, for a gradient that differs between elements and is 0 at padding. */
  private static Map<String, float[]> run(Supplier<Pass> forward, Map<String, Tensor> parameters) {
    Map<String, float[]> result = new LinkedHashMap<>();
    Autograd.zeroGradients(parameters.values());
    try (Scope scope = Scope.withGrad()) {
      Pass pass = forward.get();
      result.put("hidden", Tensors.toFloats(pass.hidden()));
      float[] gradient = new float[result.get("hidden").length];
      for (int i = 0; i < gradient.length; i++) {
        gradient[i] = MASK[i / (gradient.length / MASK.length)] * (float) Math.sin(i);
      }
      Autograd.backward(pass.hidden(), Tensors.of(gradient, Tensors.shape(pass.hidden())));
      pass.backward();
      parameters.forEach((name, tensor) -> {
        if (Autograd.hasGradient(tensor)) {
          result.put(name, Tensors.toFloats(tensor.grad()));
        }
      });
    }
    return result;
  }

  private static void assertSame(Map<String, float[]> expected, Map<String, float[]> found) {
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach((name, values) -> assertArrayEquals(values, found.get(name), name));
  }

  /** Window 4 in both layers or none, and embeddings that are the output matrix too or not. */
  @ParameterizedTest
  @CsvSource({"0, FLOAT32", "4, FLOAT32", "4, BFLOAT16"})
  void aDecodersGradientsAreTheSameBitsWithCheckpointing(int window, Precision precision) {
    DecoderConfig config = DecoderConfig.mistral(50, 16, 24, 3, 4, 2, 64, window, 0, 2, 1);
    try (Decoder model = Decoder.create(config, 1); Scope scope = Scope.open()) {
      model.setPrecision(precision);
      Map<String, float[]> plain = run(() -> model.forward(batch(IDS), batch(MASK), false), model.parameters());
      Map<String, float[]> again = run(() -> model.forward(batch(IDS), batch(MASK), true), model.parameters());
      assertSame(plain, again);
      assertTrue(plain.size() > 9 * 3);
      assertArrayEquals(plain.get("hidden"), Tensors.toFloats(model.hidden(batch(IDS), batch(MASK))));
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void aLongformersGradientsAreTheSameBitsWithCheckpointing(Precision precision) {
    LongformerConfig config = new LongformerConfig(50, 16, 24, 3, 2, List.of(4, 6, 4), 40, 1, 1, 1e-5, 3, 0.1, 0, 2, 2);
    int[] global = new int[MASK.length];
    global[0] = global[3] = global[10] = 1;
    for (boolean cut : new boolean[] {false, true}) {
      try (Longformer model = Longformer.create(config, 1); Scope scope = Scope.open()) {
        if (cut) {
          model.alwaysCut();
        }
        model.setPrecision(precision);
        Map<String, float[]> plain =
            run(() -> model.forward(batch(IDS), batch(MASK), batch(global), null, false), model.parameters());
        Map<String, float[]> again =
            run(() -> model.forward(batch(IDS), batch(MASK), batch(global), null, true), model.parameters());
        assertSame(plain, again);
        assertTrue(plain.size() > 16 * 3);
        assertArrayEquals(plain.get("hidden"), Tensors.toFloats(model.hidden(batch(IDS), batch(MASK), batch(global), null)));
      }
    }
  }

  /** As with adapters on a base that is not trained: embeddings and some blocks get nothing, the others what they got before. */
  @Test
  void frozenParametersGetNoGradientAndTheOthersTheSame() {
    try (Decoder model = Decoder.create(DecoderConfig.mistral(50, 16, 24, 3, 4, 2, 64, 0, 0, 2, 1), 1); Scope scope = Scope.open()) {
      Map<String, float[]> all = run(() -> model.forward(batch(IDS), batch(MASK), false), model.parameters());
      model.parameters().forEach((name, tensor) -> {
        if (!name.contains("q_proj")) {
          tensor.mutable_grad().reset();
          tensor.set_requires_grad(false);
        }
      });
      all.keySet().removeIf(name -> !name.contains("q_proj") && !name.equals("hidden"));
      for (boolean checkpointing : new boolean[] {false, true}) {
        assertSame(all, run(() -> model.forward(batch(IDS), batch(MASK), checkpointing), model.parameters()));
      }
    }
  }

  @Test
  void aPassWithoutAGradientToTakeBackIsRefused() {
    try (Decoder model = Decoder.create(Fixtures.tiny(), 1); Scope scope = Scope.withGrad()) {
      for (boolean checkpointing : new boolean[] {false, true}) {
        Pass pass = model.forward(batch(IDS), null, checkpointing);
        assertThrows(IllegalStateException.class, pass::backward);
      }
    }
  }

  /** 16 layers at 4096 tokens of width 64: about 25 MiB a layer, of which 1 MiB is its input. */
  @Test
  void checkpointingHoldsTheActivationsOfOneLayer() throws IOException {
    int batch = 16;
    int time = 256;
    DecoderConfig config = DecoderConfig.mistral(50, 64, 192, 16, 4, 4, time, 0, 0, 2, 1);
    int[] ids = new int[batch * time];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 3 + i % 40;
    }
    try (Decoder model = Decoder.create(config, 1)) {
      pass(model, ids, 1, true); // code and tables that are loaded once
      long with = PeakMemory.of(() -> pass(model, ids, batch, true));
      long without = PeakMemory.of(() -> pass(model, ids, batch, false));
      assertTrue(without > 3 * with, "without grew by " + without + " bytes, with by " + with);
    }
  }

  private static void pass(Decoder model, int[] ids, int batch, boolean checkpointing) {
    try (Scope scope = Scope.withGrad()) {
      Pass pass = model.forward(Tensors.ids(ids, 16, 256).narrow(0, 0, batch), null, checkpointing);
      Autograd.backward(pass.hidden(), pass.hidden().detach());
      pass.backward();
    }
  }
}
