// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class SafeTensorsTest {

  @TempDir
  Path folder;

  private Path file(long length, String header, int dataBytes) throws IOException {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer buffer = ByteBuffer.allocate(8 + text.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putLong(length < 0 ? text.length : length).put(text);
    return Files.write(folder.resolve("t.safetensors"), buffer.array());
  }

  private static String refusal(Path path) {
    return assertThrows(IOException.class, () -> SafeTensors.open(path)).getMessage();
  }

  @Test
  void everyDtypeIsWrittenAndReadUnchanged() throws IOException {
    Path path = folder.resolve("all.safetensors");
    try (Scope scope = Scope.noGrad()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      Tensor floats = Tensors.of(new float[] {1.5f, -2, Float.NEGATIVE_INFINITY, 0, 3e-8f, 7}, 2, 3);
      for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.Double, ScalarType.BFloat16, ScalarType.Half}) {
        tensors.put(type.name(), floats.to(type));
      }
      tensors.put("long", Tensors.of(new long[] {Long.MIN_VALUE, 3}, 2));
      tensors.put("int", Tensors.of(new int[] {-5}, 1, 1));
      tensors.put("byte", Tensors.of(new byte[] {1, 0, 1}, 3));
      tensors.put("transposed", floats.transpose(0, 1));
      tensors.put("empty", Tensors.of(new float[0], 0, 4));
      tensors.put("scalar", Tensors.of(new float[] {9}));
      SafeTensorsWriter.write(path, tensors, Map.of("format", "pt", "note", "\u00e9"));
      SafeTensors read = SafeTensors.open(path);
      assertEquals(Map.of("format", "pt", "note", "\u00e9"), read.metadata());
      assertArrayEquals(tensors.keySet().toArray(), read.names().toArray());
      for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
        Tensor found = read.read(entry.getKey());
        assertEquals(entry.getValue().scalar_type().intern(), found.scalar_type().intern());
        assertArrayEquals(Tensors.shape(entry.getValue()), Tensors.shape(found));
        assertArrayEquals(Tensors.toDoubles(entry.getValue()), Tensors.toDoubles(found));
      }
      assertArrayEquals(Tensors.toFloats(tensors.get("BFloat16")), Tensors.toFloats(read.read("BFloat16", ScalarType.Float)));
      assertThrows(IllegalArgumentException.class, () -> read.read("absent"));
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
    "[1]|does not start with",
    "{\"a\":{}}|expected exactly dtype, shape and data_offsets",
    "{\"a\":1}|expected exactly",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}|expected exactly",
    "{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}|dtype \"F99\" is not supported",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}|at least 0",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}|whole number",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}|not 2",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}|do not lie within",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}|do not lie within",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}|needs 12 bytes",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}|larger than any memory",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}|whole number",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}|has 8 bytes of data, its tensors take 4",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}|after a gap",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}|inside the tensor before it",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}|not valid JSON",
    "{\"__metadata__\":{\"a\":1}}|is not a string",
    "{\"a\":|not valid JSON",
    "{} {}|not valid JSON"})
  void malformedHeadersAreRefusedWithFileTensorAndReason(String header, String reason) throws IOException {
    String message = refusal(file(-1, header, 8));
    assertTrue(message.contains("t.safetensors") && message.contains(reason), message);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 3, 101, 1L << 40, Long.MAX_VALUE})
  void aWrongHeaderLengthIsRefused(long length) throws IOException {
    refusal(file(length, "{}", 50));
  }

  @Test
  void filesOfAFewBytesDeepJsonAndInvalidUtf8AreRefused() throws IOException {
    refusal(Files.write(folder.resolve("short"), new byte[7]));
    refusal(folder.resolve("absent"));
    refusal(file(-1, "{\"a\":" + "[".repeat(100_000), 0));
    Path invalid = file(-1, "{\"??\":1}", 0);
    byte[] bytes = Files.readAllBytes(invalid);
    bytes[10] = (byte) 0xC3;
    bytes[11] = (byte) 0x28;
    assertTrue(refusal(Files.write(invalid, bytes)).contains("UTF-8"));
  }

  /** Whatever a damaged file says, it is read or refused with an IOException, and never more memory taken than it has. */
  @Test
  void damagedFilesAreReadOrRefused() throws IOException {
    byte[] good = Files.readAllBytes(Fixtures.checkpoint("longformer").resolve("model.safetensors"));
    byte[] small = Arrays.copyOf(good, 8 + 5904 + 4096);
    Random random = new Random(1);
    Path path = folder.resolve("damaged.safetensors");
    for (int i = 0; i < 2000; i++) {
      byte[] bytes = (i % 4 == 0 ? good : small).clone();
      for (int k = random.nextInt(4); k >= 0; k--) {
        bytes[random.nextInt(8 + 5904)] = (byte) (random.nextBoolean() ? random.nextInt(256) : "0123456789[]{},:\"".charAt(random.nextInt(17)));
      }
      Files.write(path, i % 4 == 0 ? bytes : Arrays.copyOf(bytes, random.nextInt(bytes.length)));
      try {
        SafeTensors.open(path);
      } catch (IOException e) {
        assertTrue(e.getMessage().contains("damaged.safetensors"), e.getMessage());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"../t.safetensors", "/etc/passwd", "a/t.safetensors", "..\\\\t.safetensors", "t.bin", ".t.safetensors", ""})
  void indexNamesCannotLeaveTheFolder(String name) throws IOException {
    file(-1, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    Files.writeString(folder.resolve(SafeTensors.INDEX_NAME), "{\"weight_map\":{\"a\":\"" + name + "\"}}");
    assertTrue(refusal(folder).contains("plain name"));
  }

  @Test
  void anIndexAndItsShardsMustAgree() throws IOException {
    file(-1, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    Path index = folder.resolve(SafeTensors.INDEX_NAME);
    Files.writeString(index, "{\"weight_map\":{\"a\":\"t.safetensors\"}}");
    assertEquals("[a]", SafeTensors.open(folder).names().toString());
    Files.writeString(index, "{\"weight_map\":{\"b\":\"t.safetensors\"}}");
    assertTrue(refusal(folder).contains("it does not"));
    Files.writeString(index, "{\"weight_map\":{\"a\":\"absent.safetensors\"}}");
    assertTrue(refusal(folder).contains("absent.safetensors"));
    Files.writeString(index, "{}");
    assertTrue(refusal(folder).contains("weight_map"));
  }

  @Test
  void missingUnexpectedAndMisshapenWeightsAreNamed() throws IOException {
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1); Scope scope = Scope.noGrad()) {
      decoder.save(folder);
      Map<String, Tensor> tensors = new LinkedHashMap<>(decoder.parameters());
      Path weights = folder.resolve(SafeTensors.FILE_NAME);
      tensors.put("extra", Tensors.of(new float[] {1}, 1));
      SafeTensorsWriter.write(weights, tensors);
      assertTrue(assertThrows(IOException.class, () -> Decoder.load(folder)).getMessage().contains("\"extra\""));
      tensors.remove("extra");
      tensors.put("model.norm.weight", Tensors.of(new float[15], 15));
      SafeTensorsWriter.write(weights, tensors);
      assertTrue(assertThrows(IOException.class, () -> Decoder.load(folder)).getMessage().contains("has shape [15]"));
      tensors.remove("model.norm.weight");
      SafeTensorsWriter.write(weights, tensors);
      assertTrue(assertThrows(IOException.class, () -> Decoder.load(folder)).getMessage().contains("lacks tensor \"model.norm.weight\""));
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
    "\"hidden_act\": \"silu\"|\"hidden_act\": \"gelu\"|hidden_act",
    "\"model_type\": \"mistral\"|\"model_type\": \"gpt2\"|model_type",
    "\"rope_type\": \"default\"|\"rope_type\": \"yarn\", \"factor\": 4|rope_parameters.rope_type",
    "\"hidden_size\": 16|\"hidden_size\": \"16\"|hidden_size",
    "\"num_key_value_heads\": 2|\"num_key_value_heads\": 3|num_key_value_heads",
    "\"use_cache\": true|\"quantization_config\": {}|quantization_config"})
  void unsupportedSettingsAreRefusedByName(String from, String to, String key) throws IOException {
    Path config = folder.resolve("config.json");
    Fixtures.tiny().write(folder, WeightFormat.FLOAT32);
    String text = Files.readString(config).replaceAll(" : ", ": ");
    assertTrue(text.contains(from), text);
    Files.writeString(config, text.replace(from, to));
    String message = assertThrows(IOException.class, () -> DecoderConfig.read(config)).getMessage();
    assertTrue(message.contains(key) && message.contains("config.json"), message);
    assertFalse(message.isEmpty());
  }

  @Test
  void moreLayersThanThereAreTensorsAreRefusedBeforeMemoryIsTakenForThem() throws IOException {
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1)) {
      decoder.save(folder);
    }
    Path config = folder.resolve("config.json");
    String text = Files.readString(config);
    for (Map.Entry<String, String> absurd : Map.of("\"num_hidden_layers\" : 2", "\"num_hidden_layers\" : 9999",
        "\"intermediate_size\" : 24", "\"intermediate_size\" : 2147483647",
        "\"head_dim\" : 4", "\"head_dim\" : 2147483646", "\"vocab_size\" : 50", "\"vocab_size\" : 2147483647").entrySet()) {
      assertTrue(text.contains(absurd.getKey()), text);
      Files.writeString(config, text.replace(absurd.getKey(), absurd.getValue()));
      for (IOException e : java.util.List.of(assertThrows(IOException.class, () -> Decoder.load(folder)),
          assertThrows(IOException.class, () -> Decoder.open(folder)))) {
        assertTrue(e.getMessage().contains("config.json") && e.getMessage().contains("model.safetensors"), e.getMessage());
      }
    }
  }

  @Test
  void absurdLongformersAreRefused() throws IOException {
    try (Longformer model = Longformer.create(LongformerConfig.of(60, 16, 24, 2, 2, 8, 40, 3, 0, 2, 1), 1)) {
      model.save(folder);
    }
    Path config = folder.resolve("config.json");
    String text = Files.readString(config).replace("[ 8, 8 ]", "8");
    for (String layers : new String[] {"9999", "2147483647"}) {
      Files.writeString(config, text.replace("\"num_hidden_layers\" : 2", "\"num_hidden_layers\" : " + layers));
      assertTrue(assertThrows(IOException.class, () -> Longformer.load(folder)).getMessage().contains("num_hidden_layers"));
    }
    for (String setting : new String[] {"\"attention_dilation\":[1,2]", "\"ignore_attention_mask\":true", "\"hidden_act\":\"relu\"",
        "\"position_embedding_type\":\"relative_key\"", "\"quantization_config\":{}"}) {
      Files.writeString(config, text.replace("\"hidden_act\" : \"gelu\"", setting));
      String key = setting.substring(1, setting.indexOf('"', 1));
      assertTrue(assertThrows(IOException.class, () -> Longformer.load(folder)).getMessage().contains(key), key);
    }
  }

  @Test
  void tiedEmbeddingsThatDifferAreRefusedAndEqualOnesAreOne() throws IOException {
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1); Scope scope = Scope.noGrad()) {
      decoder.save(folder);
      Map<String, Tensor> tensors = new LinkedHashMap<>(decoder.parameters());
      Tensor embedding = tensors.get("model.embed_tokens.weight").detach();
      Path weights = folder.resolve(SafeTensors.FILE_NAME);
      tensors.put("lm_head.weight", embedding.clone());
      SafeTensorsWriter.write(weights, tensors);
      try (Decoder loaded = Decoder.load(folder)) {
        assertEquals(decoder.parameters().keySet(), loaded.parameters().keySet());
      }
      for (Tensor other : new Tensor[] {embedding.mul(new org.bytedeco.pytorch.Scalar(2)), embedding.to(ScalarType.BFloat16), embedding.view(-1)}) {
        tensors.put("lm_head.weight", other);
        SafeTensorsWriter.write(weights, tensors);
        assertTrue(assertThrows(IOException.class, () -> Decoder.load(folder)).getMessage().contains("tie_word_embeddings"));
      }
    }
  }

  @Test
  void weightsOfOtherTypesAreRefused() throws IOException {
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1); Scope scope = Scope.noGrad()) {
      decoder.save(folder);
      Map<String, Tensor> tensors = new LinkedHashMap<>(decoder.parameters());
      for (ScalarType type : new ScalarType[] {ScalarType.Double, ScalarType.Long, ScalarType.Byte}) {
        tensors.put("model.norm.weight", decoder.parameters().get("model.norm.weight").detach().to(type));
        SafeTensorsWriter.write(folder.resolve(SafeTensors.FILE_NAME), tensors);
        String message = assertThrows(IOException.class, () -> Decoder.open(folder)).getMessage();
        assertTrue(message.contains("\"model.norm.weight\"") && message.contains("weights are F32, BF16 or F16"), message);
      }
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
    "[]|weight_map", "{\"weight_map\":[]}|weight_map", "{\"weight_map\":{\"a\":1}}|plain name", "{\"weight_map\":{\"a\":{}}}|plain name",
    "{\"weight_map\":{\"a\":null}}|plain name", "{\"weight_map\":{\"a\":\"t.safetensors\",\"a\":\"t.safetensors\"}}|not valid JSON",
    "{\"weight_map\":{\"a\":\"t.safetensors\"}} x|not valid JSON", "{\"weight_map\":{\"a\":\"t.safetensors\"|not valid JSON", "|weight_map"})
  void malformedIndexesAreRefused(String text, String reason) throws IOException {
    file(-1, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    Files.writeString(folder.resolve(SafeTensors.INDEX_NAME), text == null ? "" : text);
    String message = refusal(folder);
    assertTrue(message.contains(SafeTensors.INDEX_NAME) && message.contains(reason), message);
  }

  @Test
  void aDeepIndexAFolderForAShardAndManyDimensionsAreRefused() throws IOException {
    Path index = folder.resolve(SafeTensors.INDEX_NAME);
    Files.writeString(index, "{\"metadata\":" + "[".repeat(100_000));
    assertTrue(refusal(folder).contains("not valid JSON"));
    Files.createDirectory(folder.resolve("d.safetensors"));
    Files.writeString(index, "{\"weight_map\":{\"a\":\"d.safetensors\"}}");
    assertTrue(refusal(folder).contains("not a regular file"));
    String shape = "1,".repeat(100) + "1";
    assertTrue(refusal(file(-1, "{\"a\":{\"dtype\":\"U8\",\"shape\":[" + shape + "],\"data_offsets\":[0,1]}}", 1)).contains("more than 64"));
  }
}
