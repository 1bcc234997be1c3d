// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class DecoderTest {

  private static final double LOGITS = 2e-4;
  private static final double LOGPROBS = 1e-4;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"mistral", "llama_tied"})
  void logitsEqualThoseOfTransformersForEitherSideOfPadding(String name) throws IOException {
    SafeTensors expected = Fixtures.expected(name);
    try (Decoder decoder = Decoder.load(Fixtures.checkpoint(name))) {
      for (String side : Fixtures.cases(expected, "_logits")) {
        try (Scope scope = Scope.noGrad()) {
          Tensor mask = expected.read(side + "_attention_mask");
          Tensor hidden = decoder.hidden(expected.read(side + "_input_ids"), mask);
          float[] found = Tensors.toFloats(torch.linear(hidden, decoder.outputWeight()));
          assertLogits(Tensors.toFloats(expected.read(side + "_logits")), found, Tensors.toLongs(mask), side);
        }
      }
    }
  }

  private static void assertLogits(float[] expected, float[] found, long[] mask, String side) {
    int vocab = expected.length / mask.length;
    for (int i = 0; i < expected.length; i++) {
      if (mask[i / vocab] == 1) {
        assertEquals(expected[i], found[i], LOGITS, side + " token " + i / vocab);
      }
      assertTrue(Float.isFinite(found[i]), "padding is finite");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"mistral", "llama_tied"})
  void greedyIdsAndLogProbsEqualThoseOfTransformers(String name) throws IOException {
    SafeTensors expected = Fixtures.expected(name);
    List<int[]> prompts = List.of(Fixtures.ints(expected, "gen0_prompt_ids"), Fixtures.ints(expected, "gen1_prompt_ids"),
        Fixtures.ints(expected, "gen2_prompt_ids"));
    try (Decoder decoder = Decoder.load(Fixtures.checkpoint(name))) {
      Generator generator = new Generator(decoder, -1);
      List<Generated> together = generator.generate(prompts, new long[3], SamplingOptions.greedy(24));
      for (int i = 0; i < 3; i++) {
        Generated alone = generator.generate(prompts.subList(i, i + 1), new long[1], SamplingOptions.greedy(24)).get(0);
        int[] ids = Fixtures.ints(expected, "gen" + i + "_new_ids");
        double[] logprobs = Fixtures.doubles(expected, "gen" + i + "_logprobs");
        assertArrayEquals(ids, alone.ids());
        assertArrayEquals(ids, together.get(i).ids());
        for (int t = 0; t < logprobs.length; t++) {
          assertEquals(logprobs[t], alone.logprobs()[t], LOGPROBS);
          assertEquals(logprobs[t], together.get(i).logprobs()[t], LOGPROBS);
        }
      }
    }
  }

  @Test
  void bothFormsOfConfigDescribeTheSameModel() throws IOException {
    for (String name : List.of("mistral", "llama_tied")) {
      Path folder = Fixtures.checkpoint(name);
      assertEquals(DecoderConfig.read(folder.resolve("config.json")), DecoderConfig.read(folder.resolve("config_classic.json")));
    }
  }

  @Test
  void whatIsSavedLoadsToTheSameBits(@TempDir Path folder) throws IOException {
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 7); Scope scope = Scope.noGrad()) {
      decoder.save(folder);
      try (Decoder loaded = Decoder.load(folder); Decoder copy = decoder.copy()) {
        assertEquals(decoder.config(), loaded.config());
        assertEquals(List.copyOf(decoder.parameters().keySet()), List.copyOf(loaded.parameters().keySet()));
        for (Map.Entry<String, Tensor> p : decoder.parameters().entrySet()) {
          assertArrayEquals(Tensors.toFloats(p.getValue()), Tensors.toFloats(loaded.parameters().get(p.getKey())));
          assertArrayEquals(Tensors.toFloats(p.getValue()), Tensors.toFloats(copy.parameters().get(p.getKey())));
        }
      }
      try (var files = Files.list(folder)) {
        assertEquals(3, files.count(), "no temporary file is left");
      }
      assertEquals(Map.of("format", "pt"), SafeTensors.open(folder).metadata());
    }
  }

  @Test
  void aSeedGivesTheSameWeightsAndAnotherSeedOthers() {
    try (Decoder a = Decoder.create(Fixtures.tiny(), 1); Decoder b = Decoder.create(Fixtures.tiny(), 1);
        Decoder c = Decoder.create(Fixtures.tiny(), 2)) {
      float[] weights = Tensors.toFloats(a.parameters().get("model.layers.1.mlp.up_proj.weight"));
      assertArrayEquals(weights, Tensors.toFloats(b.parameters().get("model.layers.1.mlp.up_proj.weight")));
      assertFalse(Arrays.equals(weights, Tensors.toFloats(c.parameters().get("model.layers.1.mlp.up_proj.weight"))));
      double squares = 0;
      for (float w : weights) {
        squares += w * w;
      }
      assertEquals(0.02, Math.sqrt(squares / weights.length), 0.003);
    }
  }

  /** d/dw of sum(hidden * g), against central differences: the gradient of our kernels enters in the same way. */
  @Test
  void aGradientFromOutsideReachesTheParameters() {
    DecoderConfig config = new DecoderConfig(DecoderConfig.Type.QWEN2, 20, 8, 12, 2, 4, 2, 4, 32, 1e-5,
        new RopeScaling(100, 4, 1, 4, 4), 3, 1, true, true, false, false, 0.5, 0, 2, 1);
    int[] ids = {1, 1, 5, 6, 7, 3, 4, 5, 9, 8};
    int[] mask = {0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
    float[] gradient = new float[2 * 5 * 8];
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] = i / 8 < 2 ? 0 : (float) Math.sin(i);
    }
    try (Decoder decoder = Decoder.create(config, 3)) {
      try (Scope scope = Scope.withGrad()) {
        Tensor hidden = decoder.hidden(Tensors.ids(ids, 2, 5), Tensors.ids(mask, 2, 5));
        Autograd.backward(hidden, Tensors.of(gradient, 2, 5, 8));
      }
      for (Map.Entry<String, Tensor> p : decoder.parameters().entrySet()) {
        try (Scope scope = Scope.noGrad()) {
          assertTrue(Autograd.hasGradient(p.getValue()), p.getKey());
          float[] grad = Tensors.toFloats(p.getValue().grad());
          int i = p.getKey().startsWith("model.embed") ? 5 * 8 + 1 : 1;
          float[] weights = Tensors.toFloats(p.getValue());
          double difference = 0;
          for (int sign = -1; sign <= 1; sign += 2) {
            float[] moved = weights.clone();
            moved[i] += sign * 1e-2f;
            p.getValue().copy_(Tensors.of(moved, Tensors.shape(p.getValue())));
            float[] h = Tensors.toFloats(decoder.hidden(Tensors.ids(ids, 2, 5), Tensors.ids(mask, 2, 5)));
            for (int k = 0; k < h.length; k++) {
              difference += sign * (double) h[k] * gradient[k] / 2e-2;
            }
          }
          p.getValue().copy_(Tensors.of(weights, Tensors.shape(p.getValue())));
          assertEquals(difference, grad[i], 2e-2 * Math.max(1, Math.abs(difference)), p.getKey());
        }
      }
    }
  }

  @Test
  void gradientsCanBeAddedByHandAndZeroed() {
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1); Scope scope = Scope.open()) {
      Tensor weight = decoder.outputWeight();
      float[] ones = new float[50 * 16];
      Arrays.fill(ones, 1);
      assertFalse(Autograd.hasGradient(weight));
      Autograd.gradient(weight).add_(Tensors.of(ones, 50, 16));
      Autograd.gradient(weight).add_(Tensors.of(ones, 50, 16));
      assertEquals(2, Tensors.toFloats(weight.grad())[17]);
      Autograd.backward(weight.mul(weight).sum(), Tensors.of(new float[] {0}));
      assertEquals(2, Tensors.toFloats(weight.grad())[17], "autograd adds to what is there");
      Autograd.zeroGradients(decoder.parameters().values());
      assertEquals(0, Tensors.toFloats(weight.grad())[17]);
      assertThrows(IllegalArgumentException.class, () -> Autograd.backward(weight.sum(), Tensors.of(new float[2], 2)));
    }
  }

  @Test
  void wrongInputIsRefusedBeforeItIsRead() {
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1); Scope scope = Scope.noGrad()) {
      assertThrows(IllegalArgumentException.class, () -> decoder.hidden(Tensors.of(new int[4], 2, 2), null));
      assertThrows(IllegalArgumentException.class,
          () -> decoder.hidden(Tensors.ids(new int[4], 2, 2), Tensors.ids(new int[4], 1, 4)));
    }
  }
}
