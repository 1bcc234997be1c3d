// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Maps {@link DecoderConfig} to and from {@code config.json}. A key that is absent means what it means to transformers, whose defaults
 * differ by type. What would change the numbers and is not known is refused.
 */
final class DecoderConfigJson {

  private static final String FULL = "full_attention";
  private static final String SLIDING = "sliding_attention";
  private static final int DEFAULT_WINDOW = 4096;

  private static final Set<String> NONE = Set.of();
  private static final Set<String> OFF = Set.of("false");
  private static final Set<String> ONE = Set.of("1", "1.0");
  private static final Set<String> ZERO = Set.of("0", "0.0");
  private static final Set<String> SILU = Set.of("silu", "swish");

  /** Settings of these models and of their relatives that alter what is computed, with the values that do not. */
  private static final Map<String, Set<String>> NEUTRAL = new TreeMap<>(Map.ofEntries(
      Map.entry("hidden_act", SILU), Map.entry("hidden_activation", SILU),
      Map.entry("pretraining_tp", ONE), Map.entry("attention_dropout", ZERO),
      Map.entry("partial_rotary_factor", ONE), Map.entry("rotary_pct", ONE),
      Map.entry("attention_multiplier", ONE), Map.entry("embedding_multiplier", ONE), Map.entry("residual_multiplier", ONE),
      Map.entry("logits_scaling", ONE), Map.entry("logit_scale", ONE),
      Map.entry("query_pre_attn_scalar", NONE), Map.entry("attn_logit_softcapping", NONE),
      Map.entry("final_logit_softcapping", NONE), Map.entry("clip_qkv", NONE), Map.entry("attention_chunk_size", NONE),
      Map.entry("no_rope_layers", NONE), Map.entry("per_layer_config", NONE), Map.entry("quantization_config", NONE),
      Map.entry("compression_config", NONE), Map.entry("num_local_experts", NONE), Map.entry("num_experts", NONE),
      Map.entry("n_routed_experts", NONE), Map.entry("use_mrope", OFF), Map.entry("use_qk_norm", OFF),
      Map.entry("qk_layernorm", OFF), Map.entry("is_encoder_decoder", OFF), Map.entry("add_cross_attention", OFF),
      Map.entry("use_bidirectional_attention", OFF), Map.entry("is_causal", Set.of("true"))));

  private DecoderConfigJson() {
  }

  static DecoderConfig read(Path file) throws IOException {
    ConfigJson json = ConfigJson.read(file);
    DecoderConfig.Type type = type(json);
    json.requireNeutral(NEUTRAL);
    boolean llama = type == DecoderConfig.Type.LLAMA;
    if (!llama) {
      json.require("mlp_bias", "false for " + type.key(), OFF);
    }
    if (type == DecoderConfig.Type.MISTRAL) {
      json.require("attention_bias", "false for mistral", OFF);
    }
    int hidden = json.positive("hidden_size");
    int heads = json.positive("num_attention_heads");
    int layers = json.positive("num_hidden_layers");
    if (!json.has("head_dim") && hidden % heads != 0) {
      throw json.wrong("num_attention_heads", "a divisor of hidden_size " + hidden + " where head_dim is not given");
    }
    boolean attentionBias = llama && json.flag("attention_bias", false);
    try {
      return new DecoderConfig(type, json.positive("vocab_size"), hidden, json.positive("intermediate_size"), layers, heads,
          kvHeads(json, type, heads), json.positive("head_dim", hidden / heads), json.positive("max_position_embeddings"),
          json.number("rms_norm_eps", 1e-6), RopeJson.read(json), windows(json, type, layers),
          json.flag("tie_word_embeddings", false), type == DecoderConfig.Type.QWEN2 || attentionBias, attentionBias,
          llama && json.flag("mlp_bias", false), json.number("initializer_range", 0.02),
          json.tokenId("bos_token_id", type == DecoderConfig.Type.QWEN2 ? -1 : 1), eosIds(json, type),
          json.tokenId("pad_token_id"));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  private static DecoderConfig.Type type(ConfigJson json) throws IOException {
    String name = json.text("model_type", "");
    for (DecoderConfig.Type type : DecoderConfig.Type.values()) {
      if (type.key().equals(name)) {
        return type;
      }
    }
    throw json.wrong("model_type", "mistral, llama or qwen2");
  }

  private static int kvHeads(ConfigJson json, DecoderConfig.Type type, int heads) throws IOException {
    if (json.mentions("num_key_value_heads")) {
      return json.positive("num_key_value_heads", heads);
    }
    return switch (type) {
      case MISTRAL -> 8;
      case QWEN2 -> 32;
      case LLAMA -> heads;
    };
  }

  private static List<Integer> eosIds(ConfigJson json, DecoderConfig.Type type) throws IOException {
    boolean absent = !json.mentions("eos_token_id") && type != DecoderConfig.Type.QWEN2;
    return absent ? List.of(2) : json.tokenIds("eos_token_id");
  }

  /** Mistral has a window in every layer, qwen2 where {@code layer_types} says so, llama nowhere. */
  private static List<Integer> windows(ConfigJson json, DecoderConfig.Type type, int layers) throws IOException {
    boolean on = switch (type) {
      case MISTRAL -> true;
      case QWEN2 -> json.flag("use_sliding_window", false);
      case LLAMA -> {
        json.require("sliding_window", "a llama without it", NONE);
        yield false;
      }
    };
    int window = !on ? 0 : json.mentions("sliding_window") ? json.positive("sliding_window", 0) : DEFAULT_WINDOW;
    int from = type == DecoderConfig.Type.QWEN2 ? firstWindow(json) : 0;
    List<Integer> windows = DecoderConfig.windows(layers, window, from);
    if (!json.has("layer_types")) {
      return windows;
    }
    List<Integer> listed = listedWindows(json, layers, window);
    // transformers reads layer_types of qwen2 only; of the others other programs do, so that it must say the same
    if (type != DecoderConfig.Type.QWEN2 && !listed.equals(windows)) {
      throw json.wrong("layer_types", (window > 0 ? SLIDING : FULL) + " for every layer of a " + type.key());
    }
    return listed;
  }

  private static int firstWindow(ConfigJson json) throws IOException {
    if (!json.has("max_window_layers")) {
      return 28;
    }
    JsonNode first = json.get("max_window_layers");
    if (!first.isIntegralNumber() || !first.canConvertToInt()) {
      throw json.wrong("max_window_layers", "a whole number");
    }
    return first.intValue();
  }

  private static List<Integer> listedWindows(ConfigJson json, int layers, int window) throws IOException {
    JsonNode types = json.get("layer_types");
    List<Integer> windows = new ArrayList<>();
    for (JsonNode type : types) {
      switch (type.asText()) {
        case FULL, "attention" -> windows.add(0);
        case SLIDING -> windows.add(window);
        default -> throw json.wrong("layer_types", FULL + " or " + SLIDING + " for each layer");
      }
      if (type.asText().equals(SLIDING) && window == 0) {
        throw json.wrong("layer_types", FULL + " for each layer, since there is no sliding window");
      }
    }
    if (!types.isArray() || windows.size() != layers) {
      throw json.wrong("layer_types", "one type for each of " + layers + " layers");
    }
    return windows;
  }

  /** The text of {@code config.json}. */
  static String text(DecoderConfig c, WeightFormat format) {
    ObjectNode json = SafeTensorsHeader.JSON.createObjectNode();
    json.putArray("architectures").add(c.modelType().architecture());
    json.put("model_type", c.modelType().key());
    json.put("vocab_size", c.vocabSize());
    json.put("hidden_size", c.hiddenSize());
    json.put("intermediate_size", c.intermediateSize());
    json.put("num_hidden_layers", c.layers());
    json.put("num_attention_heads", c.heads());
    json.put("num_key_value_heads", c.kvHeads());
    json.put("head_dim", c.headSize());
    json.put("hidden_act", "silu");
    json.put("max_position_embeddings", c.maxPositions());
    json.put("initializer_range", c.initializerRange());
    json.put("rms_norm_eps", c.normEpsilon());
    json.put("tie_word_embeddings", c.tiedEmbeddings());
    json.put("attention_dropout", 0.0);
    json.put("use_cache", true);
    RopeJson.write(c.rope(), json);
    writeAttention(c, json);
    putTokens(json, c);
    // transformers 4 and vLLM read torch_dtype, transformers 5 reads dtype
    json.put("torch_dtype", format.dtypeName());
    json.put("dtype", format.dtypeName());
    return json.toPrettyString();
  }

  private static void writeAttention(DecoderConfig c, ObjectNode json) {
    switch (c.modelType()) {
      case LLAMA -> {
        json.put("attention_bias", c.qkvBias());
        json.put("mlp_bias", c.mlpBias());
      }
      case QWEN2 -> writeWindows(c, json);
      case MISTRAL -> putWindow(c, json);
    }
  }

  private static void putWindow(DecoderConfig c, ObjectNode json) {
    if (c.slidingWindow() > 0) {
      json.put("sliding_window", c.slidingWindow());
    } else {
      json.putNull("sliding_window");
    }
  }

  /**
   * {@code max_window_layers} is for programs that do not know {@code layer_types}. They cannot show a pattern other than full layers
   * first; vLLM refuses one by this number.
   */
  private static void writeWindows(DecoderConfig c, ObjectNode json) {
    putWindow(c, json);
    json.put("use_sliding_window", c.slidingWindow() > 0);
    json.put("max_window_layers", c.slidingWindow() > 0 ? c.windows().indexOf(c.slidingWindow()) : c.layers());
    ArrayNode types = json.putArray("layer_types");
    c.windows().forEach(window -> types.add(window > 0 ? SLIDING : FULL));
  }

  /** The text of {@code generation_config.json}. */
  static String generationText(DecoderConfig c) {
    ObjectNode json = SafeTensorsHeader.JSON.createObjectNode();
    json.put("_from_model_config", true);
    putTokens(json, c);
    json.properties().removeIf(field -> field.getValue().isNull());
    return json.toPrettyString();
  }

  private static void putTokens(ObjectNode json, DecoderConfig c) {
    putId(json, "bos_token_id", c.bosId());
    if (c.eosIds().size() == 1) {
      json.put("eos_token_id", c.eosIds().get(0));
    } else if (c.eosIds().isEmpty()) {
      json.putNull("eos_token_id");
    } else {
      ArrayNode ids = json.putArray("eos_token_id");
      c.eosIds().forEach(ids::add);
    }
    putId(json, "pad_token_id", c.padId());
  }

  private static void putId(ObjectNode json, String key, int id) {
    if (id >= 0) {
      json.put(key, id);
    } else {
      json.putNull(key);
    }
  }
}
