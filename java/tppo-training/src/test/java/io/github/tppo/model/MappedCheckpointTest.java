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
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints that are opened in place: nothing is copied, and what is computed is the same. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class MappedCheckpointTest {

  @TempDir
  Path folder;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"mistral", "llama_tied"})
  void logitsOfAnOpenedDecoderEqualThoseOfTransformers(String name) throws IOException {
    SafeTensors expected = Fixtures.expected(name);
    try (Decoder opened = Decoder.open(Fixtures.checkpoint(name)); Decoder loaded = Decoder.load(Fixtures.checkpoint(name));
        Scope scope = Scope.noGrad()) {
      Tensor mask = expected.read("right_attention_mask");
      float[] found = Tensors.toFloats(opened.logits(opened.hidden(expected.read("right_input_ids"), mask)));
      float[] reference = Tensors.toFloats(expected.read("right_logits"));
      long[] real = Tensors.toLongs(mask);
      int vocab = found.length / real.length;
      for (int i = 0; i < found.length; i++) {
        if (real[i / vocab] == 1) {
          assertEquals(reference[i], found[i], 2e-4);
        }
      }
      assertArrayEquals(Tensors.toFloats(loaded.logits(loaded.hidden(expected.read("right_input_ids"), mask))), found);
      assertTrue(opened.trainable().isEmpty());
      assertEquals(loaded.parameters().size(), loaded.trainable().size());
    }
  }

  /** Widening is exact, so that the type in which weights lie in the file changes no bit of what is computed. */
  @ParameterizedTest
  @EnumSource(value = ScalarType.class, names = {"Float", "BFloat16", "Half"})
  void anOpenedDecoderOfAnyTypeComputesWhatALoadedOneDoes(ScalarType dtype) throws IOException {
    try (Decoder fixture = Decoder.load(Fixtures.checkpoint("mistral"))) {
      fixture.save(folder, new WeightFormat(dtype, 60_000));
    }
    SafeTensors expected = Fixtures.expected("mistral");
    int[] prompt = Fixtures.ints(expected, "gen1_prompt_ids");
    try (Decoder opened = Decoder.open(folder); Decoder loaded = Decoder.load(folder)) {
      assertEquals(dtype, opened.outputWeight().scalar_type().intern());
      List<Generated> both = new ArrayList<>();
      for (Decoder decoder : List.of(opened, loaded)) {
        both.addAll(new Generator(decoder, -1).generate(List.of(prompt), new long[1], SamplingOptions.greedy(24)));
      }
      assertArrayEquals(both.get(1).ids(), both.get(0).ids());
      assertArrayEquals(both.get(1).logprobs(), both.get(0).logprobs());
      assertTrue(dtype != ScalarType.Float || Arrays.equals(Fixtures.ints(expected, "gen1_new_ids"), both.get(0).ids()));
    }
  }

  /** Some writers keep norms in f32 beside matrices in bfloat16. */
  @Test
  void weightsOfTwoTypesAreWidenedWhenOpened() throws IOException {
    Path mixed = folder.resolve("mixed");
    try (Decoder fixture = Decoder.load(Fixtures.checkpoint("mistral")); Scope scope = Scope.noGrad()) {
      fixture.save(mixed);
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      fixture.parameters().forEach((name, tensor) -> tensors.put(name, tensor.dim() > 1 ? tensor.detach().to(ScalarType.BFloat16) : tensor));
      SafeTensorsWriter.write(mixed.resolve(SafeTensors.FILE_NAME), tensors);
    }
    try (Decoder opened = Decoder.open(mixed); Decoder loaded = Decoder.load(mixed)) {
      assertTrue(opened.trainable().isEmpty());
      List<int[]> prompts = List.of(new int[] {3, 4, 5});
      Generated expected = new Generator(loaded, -1).generate(prompts, new long[1], SamplingOptions.greedy(8)).get(0);
      Generated found = new Generator(opened, -1).generate(prompts, new long[1], SamplingOptions.greedy(8)).get(0);
      assertArrayEquals(expected.logprobs(), found.logprobs());
      assertEquals(ScalarType.Float, opened.outputWeight().scalar_type().intern());
    }
  }

  @Test
  void anOpenedLongformerOfAnyTypeComputesWhatALoadedOneDoes() throws IOException {
    SafeTensors expected = Fixtures.expected("longformer");
    Tensor ids = expected.read("left_input_ids");
    Tensor mask = expected.read("left_attention_mask");
    Tensor global = expected.read("left_global_attention_mask");
    for (ScalarType dtype : List.of(ScalarType.Float, ScalarType.BFloat16, ScalarType.Half)) {
      try (Longformer fixture = Longformer.load(Fixtures.checkpoint("longformer"))) {
        fixture.save(folder, new WeightFormat(dtype, 50_000));
      }
      try (Longformer opened = Longformer.open(folder); Longformer loaded = Longformer.load(folder); Scope scope = Scope.noGrad()) {
        assertEquals(dtype, opened.parameters().get("classifier.weight").scalar_type().intern());
        assertArrayEquals(Tensors.toFloats(loaded.logits(ids, mask, global, null)), Tensors.toFloats(opened.logits(ids, mask, global, null)));
      }
    }
  }

  /** The kernel's own account of the process: the file is mapped while the model is open, nothing of it is private, and then it is gone. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void parametersAreViewsOfTheFileThatGoWithTheModel() throws IOException {
    DecoderConfig config = DecoderConfig.mistral(4000, 256, 512, 4, 4, 2, 64, 0, 0, 2, 1);
    try (Decoder made = Decoder.create(config, 1)) {
      made.save(folder, new WeightFormat(ScalarType.BFloat16, 2_000_000));
    }
    Decoder opened = Decoder.open(folder);
    try (Scope scope = Scope.noGrad()) {
      assertTrue(mappings().size() > 1, "each shard is mapped");
      for (Map.Entry<String, Tensor> p : opened.parameters().entrySet()) {
        assertEquals(ScalarType.BFloat16, p.getValue().scalar_type().intern());
        assertFalse(p.getValue().requires_grad());
        assertTrue(liesIn(mappings(), p.getValue().data_ptr().address()), p.getKey());
      }
      opened.hidden(Tensors.ids(new int[] {1, 2, 3}, 1, 3), null);
      assertEquals(0, privateKilobytes(), "reading copies nothing");
    }
    opened.close();
    assertEquals(List.of(), mappings());
  }

  private List<String> mappings() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream().filter(line -> line.contains(folder.getFileName().toString())).toList();
  }

  private static boolean liesIn(List<String> mappings, long address) {
    return mappings.stream().anyMatch(line -> {
      String[] range = line.substring(0, line.indexOf(' ')).split("-");
      return address >= Long.parseLong(range[0], 16) && address < Long.parseLong(range[1], 16);
    });
  }

  private long privateKilobytes() throws IOException {
    long kilobytes = 0;
    boolean ours = false;
    for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        ours = line.contains(folder.getFileName().toString());
      } else if (ours && line.startsWith("Private_Dirty:")) {
        kilobytes += Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    return kilobytes;
  }

  @Test
  void writingToAMappedTensorLeavesTheFileAsItIs() throws IOException {
    try (Decoder made = Decoder.create(Fixtures.tiny(), 1)) {
      made.save(folder);
    }
    byte[] before = Files.readAllBytes(folder.resolve(SafeTensors.FILE_NAME));
    try (Decoder opened = Decoder.open(folder); Scope scope = Scope.noGrad()) {
      opened.parameters().get("model.norm.weight").fill_(new Scalar(7));
      assertArrayEquals(before, Files.readAllBytes(folder.resolve(SafeTensors.FILE_NAME)));
    }
  }

  @Test
  void copiesAndReplicasOfAnOpenedModelHaveNoGradientsEither() throws IOException {
    try (Decoder opened = Decoder.open(Fixtures.checkpoint("mistral")); Decoder replica = opened.replica(); Decoder copy = opened.copy()) {
      assertTrue(replica.trainable().isEmpty());
      assertTrue(copy.trainable().isEmpty());
    }
  }

  /** A header whose length is not a multiple of the element size puts all data at odd places. */
  @Test
  void tensorsAtOddPlacesAreReadToo() throws IOException {
    byte[] header = "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"f\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]}}"
        .getBytes(StandardCharsets.UTF_8);
    ByteBuffer file = ByteBuffer.allocate(8 + header.length + 9).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(header.length).put(header).put((byte) 5).putFloat(1.5f).putFloat(-3);
    Path path = Files.write(folder.resolve("odd.safetensors"), file.array());
    SafeTensors odd = SafeTensors.open(path);
    assertTrue(odd.entry("f").offset() % 4 != 0);
    try (Scope scope = Scope.noGrad()) {
      assertArrayEquals(new float[] {1.5f, -3}, Tensors.toFloats(odd.map(List.of("f")).get("f")));
      assertArrayEquals(new double[] {1.5, -3}, Tensors.toDoubles(odd.read("f", ScalarType.Double)));
      assertEquals(5, Tensors.toLongs(odd.map(List.of("b", "f")).get("b"))[0]);
    }
  }

  @Test
  void emptyTensorsAndScalarsAreMappedInTheirShapes() throws IOException {
    try (Scope scope = Scope.noGrad()) {
      Path path = folder.resolve("shapes.safetensors");
      SafeTensorsWriter.write(path, Map.of("empty", Tensors.zeros(ScalarType.Float, 0, 4), "scalar", Tensors.of(new float[] {9}).view()));
      Map<String, Tensor> mapped = SafeTensors.open(path).map(List.of("empty", "scalar"));
      assertArrayEquals(new long[] {0, 4}, Tensors.shape(mapped.get("empty")));
      assertArrayEquals(new long[0], Tensors.shape(mapped.get("scalar")));
      assertEquals(9, Tensors.toFloats(mapped.get("scalar"))[0]);
    }
  }

  @Test
  void aFileThatWasCutAfterItWasOpenedIsRefusedBeforeItIsTouched() throws IOException {
    try (Decoder made = Decoder.create(Fixtures.tiny(), 1)) {
      made.save(folder);
    }
    SafeTensors file = SafeTensors.open(folder);
    try (FileChannel channel = FileChannel.open(folder.resolve(SafeTensors.FILE_NAME), StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() - 4);
    }
    String last = file.names().stream().reduce((a, b) -> b).orElseThrow();
    for (IOException e : List.of(assertThrows(IOException.class, () -> file.read(last)),
        assertThrows(IOException.class, () -> file.map(file.names())))) {
      assertTrue(e.getMessage().contains("was cut") && e.getMessage().contains(last), e.getMessage());
    }
  }

  /** As in the cache of Hugging Face, whose snapshots are links to files named by their hash. */
  @Test
  void linksToTheWeightsAreFollowed(@TempDir Path blobs) throws IOException {
    Path from = Fixtures.checkpoint("llama_tied");
    try (var files = Files.list(from)) {
      for (Path file : files.toList()) {
        Path blob = Files.copy(file, blobs.resolve(Integer.toHexString(file.getFileName().hashCode())));
        Files.createSymbolicLink(folder.resolve(file.getFileName().toString()), blob);
      }
    }
    try (Decoder linked = Decoder.open(folder); Decoder direct = Decoder.open(from)) {
      assertEquals(direct.config(), linked.config());
      assertArrayEquals(Tensors.toFloats(direct.outputWeight()), Tensors.toFloats(linked.outputWeight()));
    }
  }
}
