// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.Check;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;

/**
 * Shape of a Longformer token classifier, as in Hugging Face's {@code config.json}.
 *
 * @param vocabSize rows of the word embedding
 * @param hiddenSize width H
 * @param intermediateSize width of the MLP
 * @param layers number of blocks
 * @param heads attention heads; divides {@code hiddenSize}
 * @param attentionWindows window of each layer, even: a token sees half of it on either side
 * @param maxPositions rows of the position embedding; the longest sequence has {@code maxPositions - padId - 1} tokens
 * @param typeVocabSize number of token types
 * @param padId padding token; also offsets the positions
 * @param normEpsilon epsilon of LayerNorm
 * @param labels outputs for each token: classes, or 1 for a score
 * @param initializerRange standard deviation of new weights
 * @param bosId begin token, -1 = none
 * @param eosId end token, -1 = none
 * @param sepId separator token, -1 = none
 */
public record LongformerConfig(
    int vocabSize, int hiddenSize, int intermediateSize, int layers, int heads, List<Integer> attentionWindows, int maxPositions,
    int typeVocabSize, int padId, double normEpsilon, int labels, double initializerRange, int bosId, int eosId, int sepId) {

  /** Settings that alter what is computed, with the values that do not. */
  private static final Map<String, Set<String>> NEUTRAL = new TreeMap<>(Map.of(
      "hidden_act", Set.of("gelu"), "attention_mode", Set.of("longformer"), "position_embedding_type", Set.of("absolute"),
      "quantization_config", Set.of(), "per_layer_config", Set.of(), "is_decoder", Set.of("false"),
      "add_cross_attention", Set.of("false"), "ignore_attention_mask", Set.of("false"), "autoregressive", Set.of("false")));

  public LongformerConfig {
    require(vocabSize >= 1, "vocab_size", vocabSize, "at least 1");
    require(layers >= 1 && layers <= DecoderConfig.MAX_LAYERS, "num_hidden_layers", layers, "1 to " + DecoderConfig.MAX_LAYERS);
    require(heads >= 1 && hiddenSize >= 1 && hiddenSize % heads == 0, "num_attention_heads", heads,
        "a divisor of hidden_size " + hiddenSize);
    require(intermediateSize >= 1, "intermediate_size", intermediateSize, "at least 1");
    attentionWindows = Check.list("attentionWindows", attentionWindows);
    require(attentionWindows.size() == layers, "attention_window", attentionWindows, "one window for each of " + layers + " layers");
    for (int window : attentionWindows) {
      require(window >= 2 && window % 2 == 0, "attention_window", window, "even and at least 2");
    }
    require(padId >= 0 && padId < vocabSize, "pad_token_id", padId, "a token id below vocab_size " + vocabSize);
    require(maxPositions > padId + 1, "max_position_embeddings", maxPositions, "more than pad_token_id + 1");
    require(typeVocabSize >= 1, "type_vocab_size", typeVocabSize, "at least 1");
    require(normEpsilon > 0, "layer_norm_eps", normEpsilon, "greater than 0");
    require(labels >= 1, "num_labels", labels, "at least 1");
  }

  private static void require(boolean condition, String key, Object found, String expected) {
    if (!condition) {
      throw new IllegalArgumentException(key + " is " + found + ", expected " + expected);
    }
  }

  /**
   * A small classifier with the same window in every layer and two token types (0 prompt, 1 response).
   *
   * @param maxTokens longest sequence
   */
  public static LongformerConfig of(int vocabSize, int hiddenSize, int intermediateSize, int layers, int heads, int window,
      int maxTokens, int labels, int bosId, int eosId, int padId) {
    List<Integer> windows = Collections.nCopies(layers, window);
    return new LongformerConfig(vocabSize, hiddenSize, intermediateSize, layers, heads, windows, maxTokens + padId + 1, 2, padId,
        1e-5, labels, 0.02, bosId, eosId, eosId);
  }

  /** Longest sequence in tokens. */
  public int maxTokens() {
    return maxPositions - padId - 1;
  }

  /**
   * Reads {@code config.json} in the form of transformers 4 or 5.
   *
   * @throws IOException when a key is missing or wrong, or a setting is not supported; the message names file and key
   */
  public static LongformerConfig read(Path file) throws IOException {
    ConfigJson json = ConfigJson.read(Objects.requireNonNull(file, "file"));
    if (!json.text("model_type", "").equals("longformer")) {
      throw json.wrong("model_type", "longformer");
    }
    json.requireNeutral(NEUTRAL);
    int layers = json.positive("num_hidden_layers");
    for (JsonNode dilation : json.has("attention_dilation") ? json.get("attention_dilation") : List.<JsonNode>of()) {
      if (dilation.asInt() != 1) {
        throw json.wrong("attention_dilation", "1 for each layer");
      }
    }
    try {
      return new LongformerConfig(json.positive("vocab_size"), json.positive("hidden_size"), json.positive("intermediate_size"),
          layers, json.positive("num_attention_heads"), windows(json, layers), json.positive("max_position_embeddings"),
          json.positive("type_vocab_size", 2), json.tokenId("pad_token_id", 1), json.number("layer_norm_eps", 1e-12),
          labels(json), json.number("initializer_range", 0.02), json.tokenId("bos_token_id", 0),
          json.tokenId("eos_token_id", 2), json.tokenId("sep_token_id", 2));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  private static List<Integer> windows(ConfigJson json, int layers) throws IOException {
    JsonNode node = json.get("attention_window");
    List<Integer> windows = new ArrayList<>();
    if (node != null && node.isArray()) {
      for (JsonNode window : node) {
        if (!window.isInt()) {
          throw json.wrong("attention_window", "whole numbers");
        }
        windows.add(window.intValue());
      }
      return windows;
    }
    return Collections.nCopies(Math.min(layers, DecoderConfig.MAX_LAYERS + 1), json.positive("attention_window", 512));
  }

  /** transformers writes the labels' names; their number is what counts. */
  private static int labels(ConfigJson json) throws IOException {
    return json.has("id2label") ? json.get("id2label").size() : json.positive("num_labels", 2);
  }

  /**
   * Writes {@code config.json} in a form that transformers 4 and 5 both read.
   *
   * @param format what it says of the weights beside it
   */
  public void write(Path folder, WeightFormat format) throws IOException {
    ObjectNode json = SafeTensorsHeader.JSON.createObjectNode();
    json.putArray("architectures").add("LongformerForTokenClassification");
    json.put("model_type", "longformer");
    json.put("vocab_size", vocabSize);
    json.put("hidden_size", hiddenSize);
    json.put("intermediate_size", intermediateSize);
    json.put("num_hidden_layers", layers);
    json.put("num_attention_heads", heads);
    ArrayNode windows = json.putArray("attention_window");
    attentionWindows.forEach(windows::add);
    json.put("max_position_embeddings", maxPositions);
    json.put("type_vocab_size", typeVocabSize);
    json.put("hidden_act", "gelu");
    json.put("layer_norm_eps", normEpsilon);
    json.put("initializer_range", initializerRange);
    json.put("attention_probs_dropout_prob", 0.0);
    json.put("hidden_dropout_prob", 0.0);
    ObjectNode names = json.putObject("id2label");
    ObjectNode ids = json.putObject("label2id");
    for (int label = 0; label < labels; label++) {
      names.put(Integer.toString(label), "LABEL_" + label);
      ids.put("LABEL_" + label, label);
    }
    json.put("pad_token_id", padId);
    putId(json, "bos_token_id", bosId);
    putId(json, "eos_token_id", eosId);
    putId(json, "sep_token_id", sepId);
    json.put("torch_dtype", format.dtypeName());
    json.put("dtype", format.dtypeName());
    AtomicFiles.write(folder.resolve("config.json"), json.toPrettyString());
  }

  private static void putId(ObjectNode json, String key, int id) {
    if (id >= 0) {
      json.put(key, id);
    } else {
      json.putNull(key);
    }
  }
}
