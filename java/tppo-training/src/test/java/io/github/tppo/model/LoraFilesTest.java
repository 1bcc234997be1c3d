// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Adapters of unknown origin: what would change the numbers or does not fit is refused by name. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class LoraFilesTest {

  private static final DecoderConfig MODEL = Fixtures.tiny();
  private static final String Q = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

  @TempDir
  Path dir;

  @BeforeEach
  void soundAdapter() throws IOException {
    try (Lora lora = Lora.create(AdapterConfig.of(2, 4, false, List.of("q_proj")), MODEL, 1, 0)) {
      lora.save(dir);
    }
    load();
  }

  private void load() throws IOException {
    Lora.load(dir, MODEL).close();
  }

  private void set(Consumer<ObjectNode> change) throws IOException {
    Path file = dir.resolve(AdapterConfig.FILE_NAME);
    ObjectNode json = (ObjectNode) SafeTensorsHeader.JSON.readTree(file.toFile());
    change.accept(json);
    Files.writeString(file, json.toString());
  }

  private String refusal() {
    return assertThrows(IOException.class, this::load).getMessage();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "use_dora | true", "bias | \"all\"", "bias | \"lora_only\"", "modules_to_save | [\"lm_head\"]", "layers_to_transform | [0]",
      "layers_to_transform | 0", "layers_pattern | \"layers\"", "fan_in_fan_out | true", "init_lora_weights | \"pissa\"",
      "init_lora_weights | \"olora\"", "init_lora_weights | \"eva\"", "init_lora_weights | \"pissa_niter_16\"",
      "init_lora_weights | {}", "exclude_modules | [\"v_proj\"]", "lora_bias | true", "target_parameters | [\"w\"]",
      "trainable_token_indices | [1]", "layer_replication | [[0, 1]]", "use_qalora | true", "loftq_config | {\"bits\": 4}",
      "alora_invocation_tokens | [1]", "a_key_of_tomorrow | 1", "peft_type | \"IA3\"", "peft_type | null", "task_type | \"SEQ_CLS\"",
      "r | 0", "r | -1", "r | 1.5", "r | null", "r | \"8\"", "r | 99999999999", "lora_alpha | null", "lora_alpha | \"x\"",
      "lora_alpha | 1e999", "lora_alpha | 1e39", "lora_dropout | 1", "lora_dropout | -0.1", "use_rslora | \"yes\"", "target_modules | null",
      "target_modules | []", "target_modules | [1]", "target_modules | {}", "target_modules | [\"q_prj\"]",
      "target_modules | \"(\"", "target_modules | \".*\"", "target_modules | \"nothing\"", "rank_pattern | {\"q_proj\": 0}",
      "rank_pattern | [1]", "rank_pattern | {\"(\": 2}", "alpha_pattern | {\"q_proj\": \"x\"}",
      "base_model_name_or_path | 5"})
  void aSettingThatIsNotSupportedIsRefusedByName(String key, String value) throws IOException {
    JsonNode node = SafeTensorsHeader.JSON.readTree(value);
    set(json -> json.set(key, node));
    String message = refusal();
    assertTrue(message.contains(AdapterConfig.FILE_NAME), message);
    assertTrue(message.contains(key) || value.contains("("), message);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {"use_dora | false", "modules_to_save | null", "loftq_config | {}", "a_key_of_tomorrow | null",
      "lora_dropout | 0.1", "init_lora_weights | \"gaussian\"", "init_lora_weights | false", "task_type | null",
      "inference_mode | false", "revision | \"main\"", "target_modules | \".*\\\\.q_proj\"",
      "target_modules | [\"model.layers.0.self_attn.q_proj\", \"layers.1.self_attn.q_proj\"]", "lora_alpha | 4.5",
      "base_model_name_or_path | null"})
  void whatChangesNothingIsRead(String key, String value) throws IOException {
    JsonNode node = SafeTensorsHeader.JSON.readTree(value);
    set(json -> json.set(key, node));
    load();
  }

  @Test
  void anExpressionThatBacktracksWithoutEndIsRefused() throws IOException {
    String expression = "((((.+)+)+)+)+!";
    for (String key : List.of("target_modules", "rank_pattern", "alpha_pattern")) {
      soundAdapter();
      set(json -> {
        if (key.equals("target_modules")) {
          json.put(key, expression);
        } else {
          json.putObject(key).put(expression, 2);
        }
      });
      String message = assertTimeoutPreemptively(Duration.ofMinutes(1), this::refusal);
      assertTrue(message.contains("takes too long to match"), message);
    }
    set(json -> json.put("target_modules", "x".repeat(5000)));
    assertTrue(refusal().contains("5000 characters"));
    set(json -> json.put("target_modules", "(".repeat(500) + "q" + ")".repeat(500)));
    assertTrue(refusal().contains(AdapterConfig.FILE_NAME));
  }

  private void tensors(Consumer<Map<String, Tensor>> change) throws IOException {
    try (Lora lora = Lora.create(AdapterConfig.of(2, 4, false, List.of("q_proj")), MODEL, 1, 0); Scope scope = Scope.noGrad()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>(lora.tensors());
      change.accept(tensors);
      SafeTensorsWriter.write(dir.resolve(Lora.FILE_NAME), tensors);
    }
  }

  @Test
  void tensorsThatDoNotFitAreNamed() throws IOException {
    String b = Q.replace("lora_A", "lora_B");
    tensors(t -> t.remove(Q));
    assertTrue(refusal().contains("lacks tensor \"" + Q + "\""));
    tensors(t -> t.remove(b));
    assertTrue(refusal().contains("lacks tensor \"" + b + "\""));
    tensors(t -> t.put(Q, Tensors.zeros(ScalarType.Float, 3, 16)));
    assertTrue(refusal().contains("has shape [3, 16], adapter_config.json and the model ask for [2, 16]"), refusal());
    tensors(t -> t.put(b, Tensors.zeros(ScalarType.Float, 16, 2, 1)));
    assertTrue(refusal().contains("\"" + b + "\" has shape [16, 2, 1]"), refusal());
    tensors(t -> t.put(Q, Tensors.zeros(ScalarType.Int, 2, 16)));
    assertTrue(refusal().contains("is I32, weights are F32, BF16 or F16"), refusal());
    tensors(t -> t.put(Q, Tensors.zeros(ScalarType.Double, 2, 16)));
    assertTrue(refusal().contains("is F64"), refusal());
    for (String extra : List.of("base_model.model.model.embed_tokens.weight", "base_model.model.lm_head.lora_A.weight",
        Q.replace("layers.0", "layers.2"), Q.replace("lora_A", "lora_magnitude_vector"), "x")) {
      tensors(t -> t.put(extra, Tensors.zeros(ScalarType.Float, 2, 16)));
      assertTrue(refusal().contains("tensor \"" + extra + "\" does not belong"), refusal());
    }
  }

  /** Folded into the weights they would break the whole model, and nothing would say so. */
  @Test
  void numbersThatAreNotFiniteAreNamed() throws IOException {
    for (float wrong : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      tensors(t -> t.get(Q).view(-1).narrow(0, 3, 1).fill_(new org.bytedeco.pytorch.Scalar(wrong)));
      String refusal = refusal();
      assertTrue(refusal.contains("\"" + Q + "\" holds NaN or infinity"), refusal);
    }
  }

  @Test
  void aRankPatternDecidesTheShape() throws IOException {
    set(json -> json.putObject("rank_pattern").put("layers.0.self_attn.q_proj", 3));
    assertTrue(refusal().contains("\"" + Q + "\" has shape [2, 16]"), refusal());
    set(json -> json.putObject("rank_pattern").put("ayers.0.self_attn.q_proj", 3));
    load(); // only whole parts of the name match
  }

  @Test
  void aTornOrMissingFileIsNamed() throws IOException {
    Path weights = dir.resolve(Lora.FILE_NAME);
    byte[] bytes = Files.readAllBytes(weights);
    for (int length : new int[] {0, 7, 100, bytes.length - 1}) {
      Files.write(weights, Arrays.copyOf(bytes, length));
      assertTrue(refusal().contains(Lora.FILE_NAME));
    }
    byte[] header = "{\"x\":{\"dtype\":\"F32\",\"shape\":[1000000,1000000],\"data_offsets\":[0,4000000000000]}}"
        .getBytes(StandardCharsets.UTF_8);
    Files.write(weights, ByteBuffer.allocate(8 + header.length).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header).array());
    assertTrue(refusal().contains(Lora.FILE_NAME));
    Files.delete(weights);
    assertTrue(refusal().contains("no such file"));
    Files.write(dir.resolve("adapter_model.bin"), bytes);
    assertTrue(refusal().contains("pickle"));
    Files.delete(dir.resolve(AdapterConfig.FILE_NAME));
    assertTrue(refusal().contains(AdapterConfig.FILE_NAME));
    Files.writeString(dir.resolve(AdapterConfig.FILE_NAME), "{\"r\": 1, \"r\": 2}");
    assertTrue(refusal().contains("not valid JSON"));
    Files.writeString(dir.resolve(AdapterConfig.FILE_NAME), "[]");
    assertTrue(refusal().contains("not a JSON object"));
  }

  @Test
  void scalesFollowPatternsAndRankStabilisation() {
    List<String> q = List.of("model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj");
    AdapterConfig config = new AdapterConfig(4, 8, List.of("q_proj"), null, false, Map.of("0.self_attn.q_proj", 16),
        Map.of("1.*q_proj", 32.0), 0, null);
    assertEquals(List.of(new AdapterTargets.Target(16, 0.5), new AdapterTargets.Target(4, 8)),
        List.copyOf(AdapterTargets.of(config, q).values()));
    assertEquals(List.of(new AdapterTargets.Target(4, 4), new AdapterTargets.Target(4, 4)),
        List.copyOf(AdapterTargets.of(AdapterConfig.of(4, 8, true, List.of("q_proj")), q).values()));
  }
}
