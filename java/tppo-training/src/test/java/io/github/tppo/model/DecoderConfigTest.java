// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What each key of config.json means is taken from the configuration classes of transformers 5. */
class DecoderConfigTest {

  private static final String COMMON = "\"vocab_size\":100,\"hidden_size\":32,\"intermediate_size\":48,\"num_hidden_layers\":4,"
      + "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5";

  @TempDir
  Path folder;

  private DecoderConfig read(String type, String more) throws IOException {
    Path file = folder.resolve("config.json");
    Files.writeString(file, "{\"model_type\":\"" + type + "\"," + COMMON + (more.isEmpty() ? "" : ",") + more + "}");
    return DecoderConfig.read(file);
  }

  private String refusal(String type, String more) {
    return assertThrows(IOException.class, () -> read(type, more)).getMessage();
  }

  private DecoderConfig replaced(String type, String key, String value) throws IOException {
    Path file = folder.resolve("config.json");
    ObjectNode json = (ObjectNode) SafeTensorsHeader.JSON.readTree("{\"model_type\":\"" + type + "\"," + COMMON + "}");
    json.set(key, SafeTensorsHeader.JSON.readTree(value));
    Files.writeString(file, json.toString());
    return DecoderConfig.read(file);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
    "mistral||4096,4096,4096,4096",
    "mistral|\"sliding_window\":null|0,0,0,0",
    "mistral|\"sliding_window\":16|16,16,16,16",
    "mistral|\"sliding_window\":16,\"layer_types\":[\"sliding_attention\",\"sliding_attention\",\"sliding_attention\",\"sliding_attention\"]|16,16,16,16",
    "llama||0,0,0,0",
    "llama|\"sliding_window\":null,\"layer_types\":[\"full_attention\",\"full_attention\",\"full_attention\",\"full_attention\"]|0,0,0,0",
    "qwen2|\"sliding_window\":16|0,0,0,0",
    "qwen2|\"use_sliding_window\":true,\"sliding_window\":null|0,0,0,0",
    "qwen2|\"use_sliding_window\":true,\"sliding_window\":16|0,0,0,0",
    "qwen2|\"use_sliding_window\":true,\"sliding_window\":16,\"max_window_layers\":1|0,16,16,16",
    "qwen2|\"use_sliding_window\":true,\"sliding_window\":16,\"max_window_layers\":-1|16,16,16,16",
    "qwen2|\"use_sliding_window\":true,\"max_window_layers\":3|0,0,0,4096",
    "qwen2|\"use_sliding_window\":true,\"sliding_window\":16,\"max_window_layers\":1,\"layer_types\":[\"sliding_attention\",\"full_attention\",\"sliding_attention\",\"attention\"]|16,0,16,0"})
  void eachLayerHasTheWindowThatTransformersGivesIt(String type, String more, String windows) throws IOException {
    DecoderConfig config = read(type, more == null ? "" : more);
    StringBuilder found = new StringBuilder();
    for (int layer = 0; layer < 4; layer++) {
      found.append(layer == 0 ? "" : ",").append(config.window(layer));
    }
    assertEquals(windows, found.toString());
    config.write(folder, WeightFormat.FLOAT32);
    assertEquals(config, DecoderConfig.load(folder), "what is written reads as the same");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
    "mistral|\"layer_types\":[\"sliding_attention\",\"full_attention\",\"sliding_attention\",\"full_attention\"]|layer_types",
    "mistral|\"sliding_window\":0|sliding_window",
    "mistral|\"attention_bias\":true|attention_bias",
    "mistral|\"mlp_bias\":true|mlp_bias",
    "qwen2|\"mlp_bias\":true|mlp_bias",
    "llama|\"sliding_window\":16|sliding_window",
    "llama|\"layer_types\":[\"sliding_attention\",\"full_attention\",\"full_attention\",\"full_attention\"]|layer_types",
    "qwen2|\"layer_types\":[\"sliding_attention\",\"full_attention\",\"full_attention\",\"full_attention\"]|layer_types",
    "qwen2|\"layer_types\":[\"full_attention\"]|layer_types",
    "qwen2|\"layer_types\":{\"full_attention\":4}|layer_types",
    "qwen2|\"layer_types\":[\"chunked_attention\",\"full_attention\",\"full_attention\",\"full_attention\"]|layer_types",
    "qwen2|\"max_window_layers\":\"2\"|max_window_layers",
    "qwen2|\"use_sliding_window\":\"yes\"|use_sliding_window",
    "qwen2|\"use_mrope\":true|use_mrope",
    "llama|\"hidden_act\":\"gelu\"|hidden_act",
    "llama|\"attention_multiplier\":0.5|attention_multiplier",
    "llama|\"logits_scaling\":8|logits_scaling",
    "llama|\"final_logit_softcapping\":30.0|final_logit_softcapping",
    "llama|\"per_layer_config\":{\"0\":{\"num_attention_heads\":2}}|per_layer_config",
    "llama|\"num_local_experts\":8|num_local_experts",
    "llama|\"is_causal\":false|is_causal",
    "llama|\"partial_rotary_factor\":0.5|partial_rotary_factor",
    "llama|\"quantization_config\":{\"bits\":4}|quantization_config",
    "llama|\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}|rope_scaling.type",
    "llama|\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":2.0}|rope_scaling.rope_type",
    "llama|\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":2.0}|rope_parameters.rope_type",
    "llama|\"rope_parameters\":{\"rope_type\":\"default\",\"partial_rotary_factor\":0.25}|rope_parameters.partial_rotary_factor",
    "llama|\"rope_parameters\":{\"rope_type\":\"default\",\"mrope_section\":[1,2]}|rope_parameters.mrope_section",
    "qwen2|\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}|rope_parameters.full_attention",
    "llama|\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8}|original_max_position_embeddings",
    "llama|\"rope_theta\":10000,\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":500000}|rope_theta",
    "llama|\"rope_theta\":0|rope theta",
    "llama|\"rope_scaling\":[1]|rope_scaling",
    "llama|\"eos_token_id\":[5,100]|eos_token_id",
    "llama|\"eos_token_id\":[5,\"6\"]|eos_token_id",
    "llama|\"pad_token_id\":100|pad_token_id",
    "llama|\"pad_token_id\":-2|pad_token_id",
    "llama|\"head_dim\":7|head_dim",
    "llama|\"tie_word_embeddings\":1|tie_word_embeddings"})
  void whatWouldChangeTheNumbersIsRefusedByName(String type, String more, String key) {
    String message = refusal(type, more);
    assertTrue(message.contains(key) && message.contains("config.json"), message);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
    "num_hidden_layers|2147483647", "num_hidden_layers|0", "num_hidden_layers|-1", "num_hidden_layers|4.0", "num_hidden_layers|null",
    "hidden_size|99999999999", "hidden_size|null", "vocab_size|0", "num_attention_heads|3", "num_key_value_heads|3",
    "intermediate_size|true", "rms_norm_eps|0", "rms_norm_eps|\"1e-5\"", "max_position_embeddings|-5", "model_type|7"})
  void impossibleSizesAreRefusedByName(String key, String value) {
    String message = assertThrows(IOException.class, () -> replaced("llama", key, value)).getMessage();
    assertTrue(message.contains(key) && message.contains("config.json"), message);
  }

  @Test
  void absentKeysMeanWhatTheyMeanToTransformers() throws IOException {
    DecoderConfig llama = read("llama", "");
    assertEquals(1, llama.bosId());
    assertEquals(List.of(2), llama.eosIds());
    assertEquals(-1, llama.padId());
    assertEquals(RopeScaling.of(10_000), llama.rope());
    assertFalse(llama.tiedEmbeddings());
    DecoderConfig qwen = read("qwen2", "");
    assertEquals(-1, qwen.bosId());
    assertEquals(List.of(), qwen.eosIds());
    assertTrue(qwen.qkvBias());
    assertFalse(qwen.outputBias());
    assertEquals(4, replaced("llama", "num_key_value_heads", "null").kvHeads());
    assertEquals(8, replaced("mistral", "head_dim", "null").headSize());
    assertEquals(-1, replaced("llama", "pad_token_id", "-1").padId(), "old llamas have -1 for none");
  }

  /** Programs that know only max_window_layers read a pattern with full layers first rightly; of another, vLLM refuses what is below the layers. */
  @Test
  void windowsAreWrittenForProgramsWithoutLayerTypesToo() throws IOException {
    for (Map.Entry<String, Integer> pattern : Map.of("\"max_window_layers\":3", 3, "\"max_window_layers\":4", 4, "\"max_window_layers\":0,"
        + "\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\",\"sliding_attention\"]", 1).entrySet()) {
      read("qwen2", "\"use_sliding_window\":true,\"sliding_window\":16," + pattern.getKey()).write(folder, WeightFormat.FLOAT32);
      JsonNode json = SafeTensorsHeader.JSON.readTree(Files.readString(folder.resolve("config.json")));
      assertEquals(pattern.getValue(), json.get("max_window_layers").asInt());
      assertEquals(4, json.get("layer_types").size());
    }
  }

  @Test
  void biasesAreThoseOfTheType() throws IOException {
    DecoderConfig llama = read("llama", "\"attention_bias\":true,\"mlp_bias\":true");
    assertTrue(llama.qkvBias() && llama.outputBias() && llama.mlpBias());
    assertTrue(Decoder.layout(llama).shapes().keySet().containsAll(List.of("model.layers.0.self_attn.o_proj.bias",
        "model.layers.3.self_attn.k_proj.bias", "model.layers.3.mlp.down_proj.bias")));
    llama.write(folder, WeightFormat.FLOAT32);
    assertEquals(llama, DecoderConfig.load(folder));
    assertThrows(IllegalArgumentException.class, () -> new DecoderConfig(DecoderConfig.Type.MISTRAL, 20, 8, 8, 1, 2, 2, 4, 8, 1e-5,
        RopeScaling.of(1), 0, 0, true, true, false, false, 1, -1, -1, -1));
  }

  @Test
  void bothFormsOfRopeReadAsTheSame() throws IOException {
    String llama3 = "\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":32";
    RopeScaling expected = new RopeScaling(5e5, 8, 1, 4, 32);
    assertEquals(expected, read("llama", "\"rope_theta\":500000.0,\"rope_scaling\":{\"rope_type\":\"llama3\"," + llama3 + "}").rope());
    assertEquals(expected, read("llama", "\"rope_theta\":500000.0,\"rope_scaling\":{\"type\":\"llama3\"," + llama3 + "}").rope());
    assertEquals(expected, read("llama", "\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"llama3\"," + llama3 + "}").rope());
    DecoderConfig both = read("qwen2", "\"rope_scaling\":null,\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"llama3\"," + llama3 + "}");
    both.write(folder, WeightFormat.FLOAT32);
    assertEquals(both, DecoderConfig.load(folder));
  }

  @Test
  void allEndTokensAreReadAndWrittenAndThoseOfTheGenerationConfigGoFirst() throws IOException {
    DecoderConfig config = read("llama", "\"eos_token_id\":[5,6,7]");
    assertEquals(List.of(5, 6, 7), config.eosIds());
    config.write(folder, WeightFormat.FLOAT32);
    for (String file : List.of("config.json", "generation_config.json")) {
      JsonNode ids = SafeTensorsHeader.JSON.readTree(Files.readString(folder.resolve(file))).get("eos_token_id");
      assertEquals("[5,6,7]", ids.toString(), file);
    }
    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\":9,\"temperature\":0.6}");
    assertEquals(List.of(9), DecoderConfig.load(folder).eosIds());
    Files.writeString(folder.resolve("generation_config.json"), "{\"temperature\":0.6}");
    assertEquals(List.of(5, 6, 7), DecoderConfig.load(folder).eosIds());
    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\":1000}");
    String message = assertThrows(IOException.class, () -> DecoderConfig.load(folder)).getMessage();
    assertTrue(message.contains("generation_config.json") && message.contains("1000"), message);
  }

  @Test
  void settingsThatChangeNothingAreAccepted() throws IOException {
    Map<String, String> neutral = Map.of("hidden_act", "\"silu\"", "attention_dropout", "0.0", "is_causal", "true", "use_mrope", "false",
        "logits_scaling", "1.0", "quantization_config", "null", "pretraining_tp", "1", "unknown_key", "[1,{}]", "auto_map", "{\"a\":\"b\"}");
    for (Map.Entry<String, String> entry : neutral.entrySet()) {
      assertEquals(read("llama", ""), replaced("llama", entry.getKey(), entry.getValue()), entry.getKey());
    }
  }

  @Test
  void aDeepOrVeryLongConfigIsRefused() throws IOException {
    Path file = folder.resolve("config.json");
    Files.writeString(file, "{\"a\":" + "[".repeat(100_000));
    assertTrue(assertThrows(IOException.class, () -> DecoderConfig.read(file)).getMessage().contains("not valid JSON"));
    Files.writeString(file, "{\"a\":\"" + "x".repeat(5_000_000) + "\"}");
    assertTrue(assertThrows(IOException.class, () -> DecoderConfig.read(file)).getMessage().contains("larger than"));
    Files.writeString(file, "[]");
    assertThrows(IOException.class, () -> DecoderConfig.read(file));
  }
}
