// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is written: types, shards, index; how one set of files takes the place of another; the tools that write without a model. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class CheckpointFilesTest {

  private static final WeightFormat SHARDED = new WeightFormat(ScalarType.Float, 2000);

  @TempDir
  Path folder;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  private static TreeSet<String> names(Path dir) throws IOException {
    try (var files = Files.list(dir)) {
      return new TreeSet<>(files.map(file -> file.getFileName().toString()).toList());
    }
  }

  private static void assertSameWeights(Decoder expected, Path dir, ScalarType rounded) throws IOException {
    try (Decoder found = Decoder.load(dir); Scope scope = Scope.noGrad()) {
      assertEquals(expected.config(), found.config());
      for (Map.Entry<String, Tensor> p : expected.parameters().entrySet()) {
        assertArrayEquals(Tensors.toFloats(p.getValue().to(rounded)), Tensors.toFloats(found.parameters().get(p.getKey())), p.getKey());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = ScalarType.class, names = {"Float", "BFloat16", "Half"})
  void weightsAreStoredInTheTypeThatIsAskedForAndConfigSaysSo(ScalarType dtype) throws IOException {
    WeightFormat format = new WeightFormat(dtype, WeightFormat.DEFAULT_SHARD_BYTES);
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1)) {
      decoder.save(folder, format);
      assertEquals("[config.json, generation_config.json, model.safetensors]", names(folder).toString());
      SafeTensors file = SafeTensors.open(folder);
      assertEquals(Map.of("format", "pt"), file.metadata());
      for (String name : file.names()) {
        assertEquals(dtype, file.entry(name).dtype());
        assertEquals(0, file.entry(name).offset() % 2, "data can be mapped in place");
      }
      JsonNode config = SafeTensorsHeader.JSON.readTree(Files.readString(folder.resolve("config.json")));
      assertEquals(format.dtypeName(), config.get("torch_dtype").asText());
      assertEquals(format.dtypeName(), config.get("dtype").asText());
      assertSameWeights(decoder, folder, dtype);
    }
  }

  @Test
  void aLargeCheckpointIsWrittenInShardsWithAnIndex() throws IOException {
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1)) {
      decoder.save(folder, SHARDED);
      JsonNode index = SafeTensorsHeader.JSON.readTree(Files.readString(folder.resolve(SafeTensors.INDEX_NAME)));
      long bytes = 0;
      List<String> order = new ArrayList<>();
      for (Map.Entry<String, Tensor> p : decoder.parameters().entrySet()) {
        bytes += 4 * p.getValue().numel();
        String shard = index.get("weight_map").get(p.getKey()).asText();
        if (order.isEmpty() || !order.get(order.size() - 1).equals(shard)) {
          order.add(shard);
        }
      }
      assertEquals(bytes, index.get("metadata").get("total_size").asLong());
      assertTrue(order.size() > 3);
      for (int i = 0; i < order.size(); i++) {
        assertEquals(String.format("model-%05d-of-%05d.safetensors", i + 1, order.size()), order.get(i), "shards follow the tensors");
        SafeTensors shard = SafeTensors.open(folder.resolve(order.get(i)));
        assertEquals(Map.of("format", "pt"), shard.metadata());
        long stored = shard.names().stream().mapToLong(name -> shard.entry(name).bytes()).sum();
        assertTrue(stored <= 2000 || shard.names().size() == 1, "a shard keeps to the bound unless one tensor is larger");
      }
      assertFalse(Files.exists(folder.resolve(SafeTensors.FILE_NAME)));
      assertSameWeights(decoder, folder, ScalarType.Float);
    }
  }

  @Test
  void weightsThatAreReplacedLeaveNoFiles() throws IOException {
    WeightFormat fewer = new WeightFormat(ScalarType.Float, 6000);
    try (Decoder first = Decoder.create(Fixtures.tiny(), 1); Decoder second = Decoder.create(Fixtures.tiny(), 2)) {
      first.save(folder);
      second.save(folder, SHARDED);
      assertSameWeights(second, folder, ScalarType.Float);
      assertFalse(names(folder).contains(SafeTensors.FILE_NAME));
      int many = names(folder).size();
      first.save(folder, SHARDED);
      assertSameWeights(first, folder, ScalarType.Float);
      assertEquals(many, names(folder).size());
      second.save(folder, fewer);
      assertSameWeights(second, folder, ScalarType.Float);
      assertTrue(names(folder).size() < many);
      first.save(folder);
      assertSameWeights(first, folder, ScalarType.Float);
      assertEquals("[config.json, generation_config.json, model.safetensors]", names(folder).toString());
    }
  }

  @Test
  void aMappedModelCanBeSavedOverItsOwnFiles() throws IOException {
    try (Decoder made = Decoder.create(Fixtures.tiny(), 1)) {
      made.save(folder);
      try (Decoder mapped = Decoder.open(folder)) {
        mapped.save(folder, SHARDED);
        assertSameWeights(made, folder, ScalarType.Float);
      }
    }
  }

  @Test
  void valuesThatFloat16CannotHoldAreRefusedAndWhatWasThereStays() throws IOException {
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1); Scope scope = Scope.noGrad()) {
      decoder.save(folder);
      decoder.parameters().get("model.norm.weight").fill_(new org.bytedeco.pytorch.Scalar(70_000));
      IOException refused = assertThrows(IOException.class,
          () -> decoder.save(folder, new WeightFormat(ScalarType.Half, WeightFormat.DEFAULT_SHARD_BYTES)));
      assertTrue(refused.getMessage().contains("\"model.norm.weight\"") && refused.getMessage().contains("65504"), refused.getMessage());
      assertEquals("[config.json, generation_config.json, model.safetensors]", names(folder).toString());
      assertEquals(1, Tensors.toFloats(SafeTensors.open(folder).read("model.norm.weight"))[0]);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void aRandomCheckpointHasTheWeightsOfANewModelForAnyNumberOfThreads(int workers) throws IOException {
    DecoderConfig config = new DecoderConfig(DecoderConfig.Type.QWEN2, 3000, 24, 40, 2, 4, 2, 6, 64, 1e-6, RopeScaling.of(1e4), 0, 0,
        false, true, false, false, 0.1, 0, 2, 1);
    int before = Workers.count();
    try (Decoder made = Decoder.create(config, 9)) {
      Workers.setCount(workers);
      CheckpointTools.writeRandom(config, 9, new WeightFormat(ScalarType.BFloat16, 100_000), folder, ProgressListener.NONE);
      assertSameWeights(made, folder, ScalarType.BFloat16);
    } finally {
      Workers.setCount(before);
    }
  }

  @Test
  void aRandomLongformerIsMadeFromItsConfig(@TempDir Path other) throws IOException {
    LongformerConfig config = LongformerConfig.of(60, 16, 24, 2, 2, 8, 40, 3, 0, 2, 1);
    config.write(other, WeightFormat.FLOAT32);
    CheckpointTools.writeRandom(other.resolve("config.json"), 4, WeightFormat.FLOAT32, folder, ProgressListener.NONE);
    try (Longformer made = Longformer.create(config, 4); Longformer found = Longformer.load(folder)) {
      assertEquals(config, found.config());
      made.parameters().forEach((name, tensor) ->
          assertArrayEquals(Tensors.toFloats(tensor), Tensors.toFloats(found.parameters().get(name)), name));
    }
  }

  @Test
  void conversionKeepsConfigTokenizerAndGenerationSettings() throws IOException {
    Path from = folder.resolve("from");
    Path to = folder.resolve("to");
    Files.createDirectory(from);
    for (String file : List.of("config.json", SafeTensors.FILE_NAME)) {
      Files.copy(Fixtures.checkpoint("llama_tied").resolve(file), from.resolve(file));
    }
    List<String> companions = List.of("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
        "generation_config.json");
    for (String file : companions) {
      Files.writeString(from.resolve(file), "{\"of\":\"" + file + "\"}");
    }
    List<Long> progress = new ArrayList<>();
    CheckpointTools.convert(from, new WeightFormat(ScalarType.BFloat16, 60_000), to, (done, total, note) -> progress.add(total - done));
    assertEquals(0, progress.get(progress.size() - 1));
    for (String file : companions) {
      assertArrayEquals(Files.readAllBytes(from.resolve(file)), Files.readAllBytes(to.resolve(file)), file);
    }
    JsonNode config = SafeTensorsHeader.JSON.readTree(Files.readString(to.resolve("config.json")));
    assertEquals("5.17.0", config.get("transformers_version").asText());
    assertEquals("bfloat16", config.get("dtype").asText());
    try (Decoder decoder = Decoder.load(from)) {
      assertSameWeights(decoder, to, ScalarType.BFloat16);
    }
    assertThrows(IOException.class, () -> CheckpointTools.convert(to, WeightFormat.FLOAT32, to, ProgressListener.NONE));
  }

  /** They would write into each other's files; what a killed one has left is no obstacle. */
  @Test
  void twoWritersOfOneFolderAreNotLetIn(@TempDir Path other) throws IOException {
    try (Decoder model = Decoder.create(Fixtures.tiny(), 1)) {
      model.save(folder);
      Files.createDirectories(other.resolve("weights.tmp"));
      Files.writeString(other.resolve("weights.tmp/model.safetensors.tmp"), "torn");
      List<String> refusals = new ArrayList<>();
      CheckpointTools.convert(folder, WeightFormat.of("bfloat16", 2000), other, (done, total, note) -> {
        refusals.add(assertThrows(IOException.class,
            () -> CheckpointTools.convert(folder, WeightFormat.FLOAT32, other, ProgressListener.NONE)).getMessage());
        refusals.add(assertThrows(IOException.class, () -> model.save(other)).getMessage());
      });
      assertTrue(refusals.size() > 1 && refusals.stream().allMatch(text -> text.contains("weights are being written there already")),
          refusals::toString);
      assertSameWeights(model, other, ScalarType.BFloat16);
      CheckpointTools.convert(folder, WeightFormat.FLOAT32, other, ProgressListener.NONE);
      assertSameWeights(model, other, ScalarType.Float);
      assertFalse(Files.exists(other.resolve("weights.tmp")));
    }
  }

  @Test
  void infoCountsWeightsBytesAndMemory() throws IOException {
    DecoderConfig config = Fixtures.tiny();
    long parameters = 0;
    try (Decoder decoder = Decoder.create(config, 1)) {
      decoder.save(folder, new WeightFormat(ScalarType.BFloat16, 2000));
      for (Tensor tensor : decoder.parameters().values()) {
        parameters += tensor.numel();
      }
    }
    CheckpointInfo info = CheckpointInfo.read(folder);
    assertEquals(parameters, info.parameters());
    assertEquals(Map.of("BF16", parameters), info.dtypes());
    assertEquals(2 * parameters, info.tensorBytes());
    assertEquals(new CheckpointInfo.Memory(2 * parameters, 8 * 2 * 2 * 4, 20 * parameters, 36 * parameters), info.memory());
    assertTrue(info.files().size() > 1 && info.files().values().stream().mapToLong(bytes -> bytes).sum() > info.tensorBytes());
    assertTrue(CheckpointInfo.read(Fixtures.checkpoint("longformer")).model().contains("windows [8, 16]"));
  }

  @Test
  void wellKnownShapesHaveTheirNumberOfParameters() {
    Map<String, Long> millions = Map.of("mistral-7b", 7242L, "llama-1b", 1236L, "llama-8b", 8030L, "llama-70b", 70_554L,
        "qwen2-0.5b", 494L, "qwen2-7b", 7616L);
    assertEquals(millions.keySet(), DecoderPresets.names());
    millions.forEach((name, expected) -> {
      long parameters = Decoder.layout(DecoderPresets.of(name)).shapes().values().stream()
          .mapToLong(shape -> java.util.Arrays.stream(shape).reduce(1, Math::multiplyExact)).sum();
      assertEquals(expected, Math.round(parameters / 1e6), name);
    });
    assertEquals(List.of(7), DecoderPresets.of("llama-1b", 5, 7, -1).eosIds());
    assertNotEquals(DecoderPresets.of("llama-1b"), DecoderPresets.of("llama-1b", 5, 7, -1));
    assertThrows(IllegalArgumentException.class, () -> DecoderPresets.of("gpt-9"));
  }

  @Test
  void formatsOfNoWeightsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new WeightFormat(ScalarType.Long, 1));
    assertThrows(IllegalArgumentException.class, () -> new WeightFormat(ScalarType.Float, 0));
    assertThrows(IllegalArgumentException.class, () -> WeightFormat.of("int8", 1));
    assertEquals(ScalarType.Half, WeightFormat.of("FLOAT16", 1).dtype());
  }
}
