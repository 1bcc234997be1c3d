// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.tppo.HostileInput;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.provider.MethodSource;

/** Checkpoints and adapters of unknown origin: weights, their index, {@code config.json} and {@code adapter_config.json}. */
class CheckpointFuzzTest {
  private static final Path CHECKPOINTS = Path.of("src/test/resources/checkpoints");
  private static final String HEADER = "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],"
      + "\"data_offsets\":[0,24]},\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
      + "\"c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]},\"d\":{\"dtype\":\"U8\",\"shape\":[0,7],"
      + "\"data_offsets\":[40,40]}}";
  private static final int DATA = 40;

  @BeforeAll
  static void loadLibtorch() {
    Tensors.setThreads(1);
  }

  static Stream<byte[]> headers() {
    return Stream.of(HEADER, HEADER.replace("[2,3]", "[9223372036854775807,2]"), "{}").map(CheckpointFuzzTest::utf8);
  }

  static Stream<byte[]> files() {
    return Stream.of(file(utf8(HEADER)), Arrays.copyOf(file(utf8(HEADER)), 60), new byte[] {-1, -1, -1, -1, -1, -1, -1, 127, '{'});
  }

  static Stream<byte[]> indexes() {
    return Stream.of("{\"metadata\":{\"total_size\":40},\"weight_map\":{\"a\":\"x.safetensors\",\"b\":\"x.safetensors\","
        + "\"c\":\"x.safetensors\",\"d\":\"x.safetensors\"}}", "{\"weight_map\":{\"a\":\"../x.safetensors\"}}",
        "{\"weight_map\":{\"a\":null}}").map(CheckpointFuzzTest::utf8);
  }

  static Stream<byte[]> decoders() throws IOException {
    return configs("mistral/config.json", "mistral/config_classic.json", "llama_tied/config.json");
  }

  static Stream<byte[]> longformers() throws IOException {
    return configs("longformer/config.json", "longformer/config_classic.json");
  }

  static Stream<byte[]> adapters() throws IOException {
    return configs("../lora/plain/adapter_config.json", "../lora/all/adapter_config.json", "../lora/patterns/adapter_config.json");
  }

  private static Stream<byte[]> configs(String... names) throws IOException {
    Stream.Builder<byte[]> all = Stream.builder();
    for (String name : names) {
      all.add(Files.readAllBytes(CHECKPOINTS.resolve(name)));
    }
    return all.build();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] file(byte[] header) {
    return ByteBuffer.allocate(8 + header.length + DATA).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header).array();
  }

  private static void openAndRead(Path path) throws IOException {
    SafeTensors file = SafeTensors.open(path);
    for (String name : file.names()) {
      try (Scope scope = Scope.noGrad(); Tensor tensor = file.read(name)) {
        if (Tensors.shape(tensor).length != file.entry(name).shape().length) {
          throw new AssertionError(name + " has another shape");
        }
      }
    }
  }

  /** The JSON header alone, with the right length before and some data behind it. */
  @MethodSource("headers")
  @FuzzTest
  void safetensorsHeader(byte[] header) throws IOException {
    HostileInput.checkFile(file(header), "header.safetensors", CheckpointFuzzTest::openAndRead, IOException.class);
  }

  @MethodSource("files")
  @FuzzTest
  void safetensorsFile(byte[] bytes) throws IOException {
    HostileInput.checkFile(bytes, "whole.safetensors", CheckpointFuzzTest::openAndRead, IOException.class);
  }

  @MethodSource("indexes")
  @FuzzTest
  void safetensorsIndex(byte[] index) throws IOException {
    Path folder = Files.createDirectories(HostileInput.folder().resolve("sharded"));
    if (!Files.exists(folder.resolve("x.safetensors"))) {
      Files.write(folder.resolve("x.safetensors"), file(utf8(HEADER)));
    }
    HostileInput.checkFile(index, "sharded/" + SafeTensors.INDEX_NAME, path -> openAndRead(path.getParent()), IOException.class);
  }

  @MethodSource("decoders")
  @FuzzTest
  void decoderConfig(byte[] json) throws IOException {
    HostileInput.checkFile(json, "config.json", DecoderConfigJson::read, IOException.class);
  }

  @MethodSource("longformers")
  @FuzzTest
  void longformerConfig(byte[] json) throws IOException {
    HostileInput.checkFile(json, "longformer.json", LongformerConfig::read, IOException.class);
  }

  /** Up to the projections that its names and patterns choose. */
  @MethodSource("adapters")
  @FuzzTest
  void adapterConfig(byte[] json) throws IOException {
    HostileInput.checkFile(json, "adapter_config.json", path -> {
      AdapterConfig config = AdapterConfig.read(path);
      AdapterTargets.of(config, List.of("model.layers.0.self_attn.q_proj", "model.layers.11.mlp.down_proj"));
    }, IOException.class, IllegalArgumentException.class);
  }
}
