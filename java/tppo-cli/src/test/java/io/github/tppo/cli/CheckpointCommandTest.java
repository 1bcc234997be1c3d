// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.run.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointCommandTest extends CommandTest {
  @TempDir
  Path dir;
  private Path config;

  @BeforeEach
  void writeConfig() throws IOException {
    config = Files.writeString(dir.resolve("tiny.json"), "{\"model_type\":\"qwen2\",\"vocab_size\":2100,\"hidden_size\":16,"
        + "\"intermediate_size\":24,\"num_hidden_layers\":2,\"num_attention_heads\":2,\"num_key_value_heads\":1,"
        + "\"max_position_embeddings\":64,\"tie_word_embeddings\":true}");
  }

  @Test
  void aRandomCheckpointIsDescribedConvertedAndTheSameForTheSameSeed() throws IOException {
    Path first = dir.resolve("first");
    Path second = dir.resolve("second");
    Path third = dir.resolve("third");
    assertEquals(0, tppo("checkpoint", "random", "--config", config, "--shard-size", "40KB", "--out", first), stderr);
    assertTrue(stdout.contains("qwen2: 2 layers") && stdout.contains("BF16"), stdout);
    assertTrue(Files.exists(first.resolve("tokenizer.json")) && Files.exists(first.resolve("tokenizer_config.json")));
    assertEquals(0, tppo("checkpoint", "convert", first, "--dtype", "float32", "--out", second), stderr);
    assertEquals(0, tppo("checkpoint", "convert", second, "--shard-size", "40KB", "--out", third), stderr);
    try (var files = Files.list(first)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
        assertArrayEquals(Files.readAllBytes(file), Files.readAllBytes(third.resolve(file.getFileName())), "there and back: " + file);
      }
    }
    assertEquals(0, tppo("checkpoint", "info", second, "--json"), stderr);
    JsonNode info = Json.MAPPER.readTree(stdout);
    long parameters = info.get("parameters").asLong();
    assertEquals(4 * parameters, info.get("tensorBytes").asLong());
    assertEquals(20 * parameters, info.get("memory").get("sft").asLong());
    assertEquals(parameters, info.get("dtypes").get("F32").asLong());
    assertEquals(0, tppo("checkpoint", "random", "--config", config, "--seed", "2", "--shard-size", "40KB", "--out", dir.resolve("fourth")),
        stderr);
    String shard = "model-00001-of-00002.safetensors";
    assertFalse(Files.mismatch(first.resolve(shard), dir.resolve("fourth").resolve(shard)) == -1);
  }

  @Test
  void nothingIsWrittenOverAnotherCheckpoint() throws IOException {
    Path first = dir.resolve("first");
    Path second = Files.createDirectories(dir.resolve("second"));
    Files.writeString(second.resolve("chat_template.jinja"), "another model's");
    assertEquals(0, tppo("checkpoint", "random", "--config", config, "--out", first), stderr);
    for (Object[] command : new Object[][] {{"random", "--config", config}, {"convert", first}}) {
      List<Object> words = new ArrayList<>(List.of("checkpoint"));
      words.addAll(List.of(command));
      words.addAll(List.of("--out", second));
      assertEquals(2, tppo(words.toArray()));
      assertTrue(stderr.contains("--out " + second + ": is there already, expected an empty folder or none"), stderr);
    }
    try (var files = Files.list(second)) {
      assertEquals(1, files.count());
    }
  }

  @Test
  void aFailureLeavesNothing() throws IOException {
    Path large = dir.resolve("large");
    Path out = dir.resolve("out");
    try (Decoder decoder = Decoder.create(DecoderConfig.mistral(50, 16, 24, 2, 4, 2, 64, 0, 0, 2, 1), 1)) {
      decoder.parameters().get("model.norm.weight").detach().fill_(new Scalar(70_000.0));
      decoder.save(large);
    }
    assertEquals(1, tppo("checkpoint", "convert", large, "--dtype", "float16", "--out", out));
    assertTrue(stderr.contains("\"model.norm.weight\" has values beyond 65504"), stderr);
    assertEquals(0, tppo("checkpoint", "convert", large, "--dtype", "bfloat16", "--out", out), stderr);
  }

  @Test
  void helpNamesTheShapesAndWhatEachCommandTakes() {
    assertEquals(0, tppo("checkpoint", "random", "--help"));
    assertTrue(stdout.contains("mistral-7b") && stdout.contains("llama-1b"), stdout);
    assertEquals(0, tppo("checkpoint", "--help"));
    assertTrue(stdout.contains("info") && stdout.contains("convert") && stdout.contains("random"), stdout);
    assertEquals(2, tppo("checkpoint"));
    assertTrue(stderr.contains("info, convert, random"), stderr);
  }

  @Test
  void misuseNamesTheOption() throws IOException {
    Path out = dir.resolve("out");
    assertEquals(2, tppo("checkpoint", "random", "--out", out));
    assertEquals(2, tppo("checkpoint", "random", "--shape", "gpt-9", "--out", out));
    assertTrue(stderr.contains("--shape gpt-9") && stderr.contains("mistral-7b"), stderr);
    assertEquals(2, tppo("checkpoint", "random", "--shape", "llama-1b", "--config", config, "--out", out));
    assertEquals(2, tppo("checkpoint", "random", "--config", config, "--dtype", "int8", "--out", out));
    assertTrue(stderr.contains("--dtype int8: expected float32, bfloat16 or float16"), stderr);
    assertEquals(2, tppo("checkpoint", "random", "--config", config, "--shard-size", "big", "--out", out));
    assertTrue(stderr.contains("--shard-size big"), stderr);
    assertFalse(Files.exists(out));
    assertEquals(1, tppo("checkpoint", "info", dir));
    assertTrue(stderr.contains("config.json: no such file"), stderr);
    Files.writeString(config, Files.readString(config).replace("2100", "2000"));
    assertEquals(2, tppo("checkpoint", "random", "--config", config, "--out", out));
    assertTrue(stderr.contains("has 2048 tokens"), stderr);
    Files.writeString(config, Files.readString(config).replace("qwen2", "gpt2"));
    assertEquals(1, tppo("checkpoint", "random", "--config", config, "--out", out));
    assertTrue(stderr.contains("model_type is \"gpt2\""), stderr);
  }

  @ParameterizedTest
  @CsvSource({"5GB, 5000000000", "1.5 kB, 1500", "512MiB, 536870912", "7, 7", "2gib, 2147483648", "3b, 3"})
  void sizesAreReadInDecimalAndBinaryUnits(String text, long bytes) {
    assertEquals(bytes, ByteSize.parse("--x", text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "GB", "-5GB", "0", "5TB5", "1e9", "0.1", "99999999999999999GB"})
  void otherSizesAreRefused(String text) {
    assertTrue(assertThrows(ConfigException.class, () -> ByteSize.parse("--x", text)).getMessage().contains("--x"));
  }

  @ParameterizedTest
  @CsvSource({"999, 999 bytes", "1000, 1.00 kB", "14483464192, 14.5 GB", "999600, 1.00 MB", "123456789, 123 MB"})
  void sizesAreShownWithThreeDigits(long bytes, String text) {
    assertEquals(text, ByteSize.show(bytes));
  }
}
