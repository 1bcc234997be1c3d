// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.PeakMemory;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class PrecisionTest {

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  private static double cosine(float[] a, float[] b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
    return ab / Math.sqrt(aa * bb);
  }

  /** Length of the difference over the length of the first. */
  private static double distance(float[] a, float[] b) {
    double difference = 0;
    double length = 0;
    for (int i = 0; i < a.length; i++) {
      difference += Math.pow((double) a[i] - b[i], 2);
      length += Math.pow(a[i], 2);
    }
    return Math.sqrt(difference / length);
  }

  /** A bfloat16 keeps 8 bits, so a product is off by about 0.4 percent; what reaches the weights is f32. */
  @Test
  void bfloat16IsCloseToFloat32AndLeavesFloat32Gradients() throws IOException {
    SafeTensors expected = Fixtures.expected("mistral");
    try (Decoder model = Decoder.load(Fixtures.checkpoint("mistral")); Scope scope = Scope.withGrad()) {
      Tensor ids = expected.read("left_input_ids");
      Tensor mask = expected.read("left_attention_mask");
      float[][] hidden = new float[2][];
      Map<?, ?>[] gradients = new Map<?, ?>[2];
      for (Precision precision : Precision.values()) {
        model.setPrecision(precision);
        Autograd.zeroGradients(model.parameters().values());
        Pass pass = model.forward(ids, mask, false);
        assertEquals(ScalarType.Float, pass.hidden().scalar_type().intern());
        hidden[precision.ordinal()] = Tensors.toFloats(pass.hidden());
        Autograd.backward(pass.hidden(), Tensors.of(pattern(hidden[0].length), Tensors.shape(pass.hidden())));
        pass.backward();
        gradients[precision.ordinal()] = gradients(model.trainable());
      }
      assertTrue(distance(hidden[0], hidden[1]) < 0.02, "hidden states: " + distance(hidden[0], hidden[1]));
      assertTrue(distance(hidden[0], hidden[1]) > 1e-4, "the products are in bfloat16, or the test has no teeth");
      gradients[0].forEach((name, values) -> {
        float[] f32 = (float[]) values;
        float[] bf16 = (float[]) gradients[1].get(name);
        assertTrue(cosine(f32, bf16) > 0.999, name + ": cosine " + cosine(f32, bf16));
        assertTrue(distance(f32, bf16) < 0.05, name + ": distance " + distance(f32, bf16));
      });
    }
  }

  private static float[] pattern(int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) Math.sin(i);
    }
    return values;
  }

  private static Map<String, float[]> gradients(Map<String, Tensor> parameters) {
    Map<String, float[]> gradients = new java.util.LinkedHashMap<>();
    parameters.forEach((name, tensor) -> {
      if (Autograd.hasGradient(tensor)) {
        assertEquals(ScalarType.Float, tensor.grad().scalar_type().intern(), name);
        gradients.put(name, Tensors.toFloats(tensor.grad()));
      }
    });
    return gradients;
  }

  /** What is stored in bfloat16 multiplies as its exact f32 values do, and as itself where the arithmetic is bfloat16. */
  @Test
  void weightsOfAnotherTypeAreConvertedForTheCall() {
    try (Scope scope = Scope.noGrad()) {
      Tensor x = Tensors.of(pattern(6 * 16), 6, 16);
      Tensor stored = Tensors.of(pattern(8 * 16), 8, 16).to(ScalarType.BFloat16);
      Tensor bias = Tensors.of(pattern(8), 8).to(ScalarType.BFloat16);
      for (Precision precision : Precision.values()) {
        Tensor y = Linear.product(x, stored, bias, precision);
        assertEquals(ScalarType.Float, y.scalar_type().intern());
        Tensor same = Linear.product(x, stored.to(ScalarType.Float), bias.to(ScalarType.Float), precision);
        assertArrayEquals(Tensors.toFloats(same), Tensors.toFloats(y));
      }
      Tensor narrow = Linear.product(x.to(ScalarType.BFloat16), stored, null, Precision.BFLOAT16);
      assertEquals(ScalarType.BFloat16, narrow.scalar_type().intern());
    }
  }

  /** Rounds all weights to bfloat16, stores the frozen ones in it if asked to, and leaves the queries' projections to be trained. */
  private static Decoder adapted(DecoderConfig config, boolean narrow) {
    Decoder model = Decoder.create(config, 1);
    model.parameters().forEach((name, tensor) -> {
      try (Scope scope = Scope.noGrad()) {
        tensor.copy_(tensor.to(ScalarType.BFloat16));
        if (!name.contains("q_proj")) {
          tensor.set_requires_grad(false);
          if (narrow) {
            tensor.set_data(tensor.to(ScalarType.BFloat16));
          }
        }
      }
    });
    return model;
  }

  private static Map<String, float[]> gradientsOf(Decoder model, int[] ids) {
    try (Scope scope = Scope.withGrad()) {
      Pass pass = model.forward(Tensors.ids(ids, 2, ids.length / 2), null, false);
      Autograd.backward(pass.hidden(), Tensors.of(pattern((int) pass.hidden().numel()), Tensors.shape(pass.hidden())));
      pass.backward();
      Map<String, float[]> result = gradients(model.trainable());
      result.put("hidden", Tensors.toFloats(pass.hidden()));
      return result;
    }
  }

  /** The base model of adapters: mapped from a file, frozen, in bfloat16. */
  @Test
  void aFrozenBaseStoredInBfloat16GivesTheGradientsOfItsFloat32Values() {
    DecoderConfig config = DecoderConfig.mistral(50, 16, 24, 3, 4, 2, 64, 0, 0, 2, 1);
    int[] ids = {3, 9, 4, 11, 12, 7, 30, 8, 5, 6};
    for (Precision precision : Precision.values()) {
      try (Decoder wide = adapted(config, false); Decoder narrow = adapted(config, true)) {
        assertEquals(ScalarType.BFloat16, narrow.outputWeight().scalar_type().intern());
        wide.setPrecision(precision);
        narrow.setPrecision(precision);
        Map<String, float[]> expected = gradientsOf(wide, ids);
        Map<String, float[]> found = gradientsOf(narrow, ids);
        assertEquals(4, found.size(), "three projections and the hidden states");
        expected.forEach((name, values) -> assertArrayEquals(values, found.get(name), name));
      }
    }
  }

  /** 15 million weights in 16 layers, 60 MB widened, and hardly a token. */
  @Test
  void aFrozenBaseIsNeverWidenedAsAWhole() throws IOException {
    try (Decoder model = adapted(DecoderConfig.mistral(50, 256, 900, 16, 4, 4, 64, 0, 0, 2, 1), true)) {
      gradientsOf(model, new int[] {3, 4}); // gradients of the queries' projections, and code that is loaded once
      long grown = PeakMemory.of(() -> gradientsOf(model, new int[] {3, 4}));
      assertTrue(grown < 30L << 20, "grew by " + grown + " bytes");
    }
  }

  @Test
  void copiesAndReplicasComputeInTheSamePrecision() {
    int[] ids = {3, 4, 5, 6, 7, 8};
    try (Decoder model = Decoder.create(Fixtures.tiny(), 1); Scope scope = Scope.noGrad()) {
      float[] f32 = Tensors.toFloats(model.hidden(Tensors.ids(ids, 1, 6), null));
      model.setPrecision(Precision.BFLOAT16);
      float[] bf16 = Tensors.toFloats(model.hidden(Tensors.ids(ids, 1, 6), null));
      assertTrue(distance(f32, bf16) > 1e-4);
      for (Decoder other : List.of(model.copy(), model.replica())) {
        assertArrayEquals(bf16, Tensors.toFloats(other.hidden(Tensors.ids(ids, 1, 6), null)));
        other.close();
      }
    }
  }
}
