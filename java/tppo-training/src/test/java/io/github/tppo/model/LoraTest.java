// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.PeakMemory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class LoraTest {

  private static final AdapterConfig CONFIG = AdapterConfig.of(2, 4, false, List.of("q_proj", "down_proj"));

  @TempDir
  Path dir;

  private static Lora create(Decoder model, int use) {
    return Lora.create(CONFIG, model.config(), 1, use);
  }

  /** An adapted model that is not like its base. */
  private static Decoder adapted(Decoder base) {
    Decoder model = base.adapted(create(base, 0));
    step(model, 3);
    return model;
  }

  private static void step(Decoder model, int steps) {
    try (AdamW optimizer = new AdamW(model.trainable(), AdamWOptions.defaults())) {
      for (int i = 0; i < steps; i++) {
        try (Scope scope = Scope.withGrad()) {
          optimizer.zeroGrad();
          Tensor hidden = hidden(model);
          Autograd.backward(hidden.mul(hidden).mul(hidden).sum(), Tensors.of(new float[] {1}));
          optimizer.step(1e-1);
        }
      }
    }
  }

  private static Tensor hidden(Decoder model) {
    return model.hidden(Tensors.ids(new int[] {3, 4, 5, 6, 7, 8}, 2, 3), null);
  }

  private static float[] output(Decoder model) {
    try (Scope scope = Scope.noGrad()) {
      return Tensors.toFloats(hidden(model));
    }
  }

  private static Map<String, float[]> weights(Map<String, Tensor> tensors) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> weights.put(name, Tensors.toFloats(tensor)));
    return weights;
  }

  private static void assertSame(Map<String, float[]> expected, Map<String, Tensor> found) {
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach((name, values) -> assertArrayEquals(values, Tensors.toFloats(found.get(name)), name));
  }

  @Test
  void newAdaptersChangeNothingAndStartLikePefts() {
    try (Decoder base = Decoder.create(Fixtures.tiny(), 1); Decoder model = base.adapted(create(base, 0))) {
      assertArrayEquals(output(base), output(model));
      LoraAdapter adapter = model.adapters().get("model.layers.1.mlp.down_proj");
      assertArrayEquals(new long[] {2, 24}, Tensors.shape(adapter.a()));
      assertArrayEquals(new long[] {16, 2}, Tensors.shape(adapter.b()));
      assertEquals(2, adapter.scale());
      float[] a = Tensors.toFloats(adapter.a());
      double bound = 1 / Math.sqrt(24);
      double largest = 0;
      for (float value : a) {
        largest = Math.max(largest, Math.abs(value));
      }
      assertTrue(largest <= bound && largest > 0.8 * bound, "uniform in +-" + bound + ", found " + largest);
      assertArrayEquals(new float[32], Tensors.toFloats(adapter.b()));
      try (Lora again = create(base, 0); Lora other = create(base, 1)) {
        assertArrayEquals(a, Tensors.toFloats(again.adapters().get("model.layers.1.mlp.down_proj").a()));
        assertFalse(Arrays.equals(a, Tensors.toFloats(other.adapters().get("model.layers.1.mlp.down_proj").a())));
        assertFalse(Arrays.equals(Arrays.copyOf(a, 24),
            Arrays.copyOf(Tensors.toFloats(again.adapters().get("model.layers.0.mlp.down_proj").a()), 24)));
      }
    }
  }

  /** Of other sizes they would be read as adapters of another rank, and those of layers that are not there be left out. */
  @Test
  void adaptersOfAnotherModelAreRefused() {
    List<DecoderConfig> others = List.of(DecoderConfig.mistral(50, 32, 24, 2, 4, 2, 64, 0, 0, 2, 1),
        DecoderConfig.mistral(50, 16, 24, 3, 4, 2, 64, 0, 0, 2, 1));
    try (Decoder model = Decoder.create(Fixtures.tiny(), 1)) {
      for (DecoderConfig other : others) {
        try (Lora lora = Lora.create(CONFIG, other, 1, 0)) {
          String message = assertThrows(IllegalArgumentException.class, () -> model.adapted(lora)).getMessage();
          assertTrue(message.contains("the adapters belong to another model: their model.layers."), message);
        }
      }
    }
  }

  @Test
  void onlyAdaptersAreTrainedAndTheBaseKeepsItsBits() {
    try (Decoder base = Decoder.create(Fixtures.tiny(), 1)) {
      Map<String, float[]> before = weights(base.parameters());
      float[] baseOutput = output(base);
      try (Decoder model = base.adapted(create(base, 0))) {
        assertEquals(8, model.trainable().size());
        assertTrue(model.trainable().keySet().stream().allMatch(name -> name.contains(".lora_")), model.trainable().toString());
        assertEquals(base.parameters().keySet(), model.parameters().keySet());
        Map<String, float[]> adapters = weights(model.trainable());
        step(model, 3);
        model.trainable().forEach((name, tensor) -> assertFalse(Arrays.equals(adapters.get(name), Tensors.toFloats(tensor)), name));
        model.parameters().forEach((name, tensor) -> assertFalse(Autograd.hasGradient(tensor), name));
        assertSame(before, model.parameters());
        assertFalse(Arrays.equals(baseOutput, output(model)));
        try (Decoder reference = model.base()) {
          assertArrayEquals(baseOutput, output(reference));
          assertTrue(reference.trainable().isEmpty());
        }
      }
      assertSame(before, base.parameters());
    }
  }

  @Test
  void theWeightsAreSharedAndOutliveTheModelTheyCameFrom() {
    Decoder base = Decoder.create(Fixtures.tiny(), 1);
    Decoder model = base.adapted(create(base, 0));
    float[] before = output(model);
    for (String name : base.parameters().keySet()) {
      assertEquals(base.parameters().get(name).data_ptr().address(), model.parameters().get(name).data_ptr().address(), name);
    }
    base.close();
    assertArrayEquals(before, output(model));
    model.close();
  }

  @Test
  void mergedLogitsAreTheSameAndUnmergingGoesBack() {
    try (Decoder base = Decoder.create(Fixtures.tiny(), 1); Decoder model = adapted(base)) {
      Map<String, float[]> before = weights(base.parameters());
      float[] unmerged = output(model);
      assertThrows(IllegalStateException.class, model::unmerge);
      model.merge();
      assertTrue(model.adapters().isEmpty() && model.trainable().isEmpty());
      assertFalse(Arrays.equals(before.get("model.layers.0.self_attn.q_proj.weight"),
          Tensors.toFloats(model.parameters().get("model.layers.0.self_attn.q_proj.weight"))));
      assertArrayEquals(unmerged, output(model), 1e-5f);
      assertSame(before, base.parameters());
      assertThrows(IllegalStateException.class, model::merge);
      model.unmerge();
      assertArrayEquals(unmerged, output(model), 1e-5f);
      assertEquals(8, model.trainable().size());
      before.forEach((name, values) -> assertArrayEquals(values, Tensors.toFloats(model.parameters().get(name)), 1e-6f, name));
    }
  }

  @Test
  void whatIsSavedHasTheAdaptersFoldedInWhetherOrNotTheyAreMerged() throws Exception {
    try (Decoder base = Decoder.create(Fixtures.tiny(), 1); Decoder model = adapted(base)) {
      model.save(dir.resolve("unmerged"));
      assertEquals(4, model.adapters().size(), "saving changes nothing");
      model.merge();
      model.save(dir.resolve("merged"));
      for (String folder : List.of("unmerged", "merged")) {
        try (Decoder loaded = Decoder.load(dir.resolve(folder))) {
          assertSame(weights(model.parameters()), loaded.parameters());
          assertArrayEquals(output(model), output(loaded));
        }
      }
    }
  }

  /** 15 million weights in bfloat16, 60 MB merged. */
  @Test
  void savingHoldsNoMergedCopyOfTheWeights() throws Exception {
    DecoderConfig config = DecoderConfig.mistral(50, 256, 900, 16, 4, 4, 64, 0, 0, 2, 1);
    CheckpointTools.writeRandom(config, 1, WeightFormat.of("bfloat16", WeightFormat.DEFAULT_SHARD_BYTES), dir, (done, total, unit) -> { });
    AdapterConfig all = AdapterConfig.of(2, 4, false, List.of(AdapterConfig.ALL_LINEAR));
    try (Decoder base = Decoder.open(dir); Decoder model = base.adapted(Lora.create(all, config, 1, 0))) {
      model.save(dir.resolve("warm")); // the pages of the base, and code that is loaded once
      long grown = PeakMemory.of(() -> assertDoesNotThrow(() -> model.save(dir.resolve("merged"))));
      assertTrue(grown < 30L << 20, "grew by " + grown + " bytes");
    }
  }

  @Test
  void copiesAndReplicasHaveTheAdapters() {
    try (Decoder base = Decoder.create(Fixtures.tiny(), 1); Decoder model = adapted(base); Decoder replica = model.replica();
        Decoder copy = model.copy()) {
      float[] before = output(model);
      assertArrayEquals(before, output(replica));
      assertArrayEquals(before, output(copy));
      assertEquals(model.trainable().keySet(), replica.trainable().keySet());
      step(model, 1);
      assertArrayEquals(output(model), output(replica), "a replica sees the step");
      assertArrayEquals(before, output(copy), "a copy does not");
      assertThrows(IllegalArgumentException.class, () -> model.adapted(null));
    }
  }

  @Test
  void generationComputesTheAdapters() {
    SamplingOptions greedy = new SamplingOptions(0, 0, 1, 8, 1);
    List<int[]> prompts = List.of(new int[] {3, 4, 5}, new int[] {9, 8});
    try (Decoder base = Decoder.create(Fixtures.tiny(), 1); Decoder model = adapted(base)) {
      List<Generated> adapted = new Generator(model, -1).generate(prompts, new long[2], greedy);
      List<Generated> plain = new Generator(base, -1).generate(prompts, new long[2], greedy);
      model.merge();
      List<Generated> merged = new Generator(model, -1).generate(prompts, new long[2], greedy);
      for (int i = 0; i < 2; i++) {
        assertArrayEquals(merged.get(i).ids(), adapted.get(i).ids());
        assertArrayEquals(merged.get(i).logprobs(), adapted.get(i).logprobs(), 1e-4f);
        assertFalse(Arrays.equals(plain.get(i).logprobs(), adapted.get(i).logprobs()));
      }
    }
  }

  @Test
  void filesInHalfPrecisionAreWidened() throws Exception {
    try (Decoder base = Decoder.create(Fixtures.tiny(), 1); Decoder model = adapted(base); Scope scope = Scope.noGrad()) {
      model.lora().save(dir);
      Map<String, Tensor> half = new LinkedHashMap<>();
      model.lora().tensors().forEach((name, tensor) -> half.put(name, tensor.detach().to(ScalarType.BFloat16)));
      SafeTensorsWriter.write(dir.resolve(Lora.FILE_NAME), half);
      try (Lora loaded = Lora.load(dir, base.config())) {
        loaded.tensors().forEach((name, tensor) -> {
          assertEquals(ScalarType.Float, tensor.scalar_type().intern());
          assertArrayEquals(Tensors.toFloats(half.get(name)), Tensors.toFloats(tensor), name);
        });
      }
    }
  }

  /** The base may compute in another type, and be stored in another; adapters are f32 all the same. */
  @Test
  void halfPrecisionOfTheBaseStaysApartFromTheAdapters() {
    try (Decoder base = Decoder.create(Fixtures.tiny(), 1); Decoder model = adapted(base); Scope scope = Scope.noGrad()) {
      LoraAdapter adapter = model.adapters().get("model.layers.0.self_attn.q_proj");
      Tensor weight = base.parameters().get("model.layers.0.self_attn.q_proj.weight");
      Tensor x = weight.narrow(0, 0, 3).to(ScalarType.BFloat16);
      Tensor y = adapter.addTo(x.matmul(weight.t().to(ScalarType.BFloat16)), x);
      assertEquals(ScalarType.BFloat16, y.scalar_type().intern());
      Tensor merged = adapter.fold(weight.to(ScalarType.BFloat16), 1);
      assertEquals(ScalarType.Float, merged.scalar_type().intern());
      assertArrayEquals(Tensors.toFloats(x.to(ScalarType.Float).matmul(merged.t())), Tensors.toFloats(y), 1e-3f);
    }
  }

  @Test
  void projectionsThatAreNotThereAreNamed() {
    for (Map.Entry<String, String> wrong : Map.of("q_prj", "\"q_prj\" is no projection", "lm_head", "takes in lm_head",
        "embed_tokens", "takes in model.embed_tokens", "mlp", "\"mlp\" is no projection").entrySet()) {
      AdapterConfig config = AdapterConfig.of(2, 4, false, List.of("q_proj", wrong.getKey()));
      String message = assertThrows(IllegalArgumentException.class, () -> Lora.create(config, Fixtures.tiny(), 1, 0)).getMessage();
      assertTrue(message.contains(wrong.getValue()), message);
    }
  }
}
