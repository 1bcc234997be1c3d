// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import it.unimi.dsi.fastutil.ints.Int2ObjectOpenHashMap;
import it.unimi.dsi.fastutil.ints.IntOpenHashSet;
import it.unimi.dsi.fastutil.objects.Object2IntOpenHashMap;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** What the native library does not tell of a {@code tokenizer.json}: its ids, special tokens and decoder. */
final class TokenizerVocabulary {

  /** Strict: of a key given twice, this reader and the native library might each take another. */
  private static final JsonMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  private static final List<String> BOS_NAMES = List.of("<s>", "<|begin_of_text|>", "<bos>", "[CLS]");
  private static final List<String> EOS_NAMES =
    List.of("</s>", "<|end_of_text|>", "<|endoftext|>", "<|im_end|>", "<eos>", "[SEP]");
  private static final List<String> PAD_NAMES = List.of("<pad>", "<|pad|>", "[PAD]");

  private final Int2ObjectOpenHashMap<String> tokens = new Int2ObjectOpenHashMap<>();
  private final Object2IntOpenHashMap<String> ids = new Object2IntOpenHashMap<>();
  private final IntOpenHashSet special = new IntOpenHashSet();
  private final String name;
  private final JsonNode decoder;
  private final boolean independentLines;
  private final int size;
  private final int unkId;
  private final int bosId;
  private final int eosId;
  private final int padId;

  private TokenizerVocabulary(String name, JsonNode root, JsonNode config, JsonNode map) throws IOException {
    this.name = name;
    ids.defaultReturnValue(-1);
    readModel(root.path("model").path("vocab"));
    boolean plainAdded = true;
    for (JsonNode added : root.path("added_tokens")) {
      int id = id(added.path("id"), added.path("content").asText());
      put(added.path("content").asText(), id);
      if (added.path("special").asBoolean()) {
        special.add(id);
      } else {
        plainAdded &= !added.path("lstrip").asBoolean() && !added.path("rstrip").asBoolean()
          && added.path("content").asText().indexOf('\n') < 0;
      }
    }
    size = tokens.keySet().intStream().max().orElse(-1) + 1;
    decoder = root.path("decoder");
    JsonNode pre = root.path("pre_tokenizer");
    independentLines = root.path("normalizer").isNull() && pre.path("type").asText().equals("ByteLevel")
      && pre.path("use_regex").asBoolean(true) && !pre.path("add_prefix_space").asBoolean(true) && plainAdded;
    JsonNode model = root.path("model");
    unkId = model.path("unk_token").isTextual() ? ids.getInt(model.path("unk_token").asText()) : model.path("unk_id").asInt(-1);
    bosId = find("bos_token", config, map, BOS_NAMES);
    eosId = find("eos_token", config, map, EOS_NAMES);
    padId = find("pad_token", config, map, PAD_NAMES);
  }

  /**
   * @param name   the file's name for messages
   * @param json   {@code tokenizer.json}
   * @param config {@code tokenizer_config.json}, or null
   * @param map    {@code special_tokens_map.json}, or null
   */
  static TokenizerVocabulary read(String name, byte[] json, byte[] config, byte[] map) throws IOException {
    JsonNode root = parse(name, json);
    NativeGuard.check(name, root);
    return new TokenizerVocabulary(name, root, parse(name, config), parse(name, map));
  }

  private static JsonNode parse(String name, byte[] json) throws IOException {
    try {
      return json == null ? JSON.missingNode() : JSON.readTree(json);
    } catch (IOException e) {
      throw new IOException(name + " (or a file beside it) is not JSON: " + e.getMessage(), e);
    }
  }

  private void readModel(JsonNode vocab) throws IOException {
    if (vocab.isObject()) {
      for (Map.Entry<String, JsonNode> entry : vocab.properties()) {
        put(entry.getKey(), id(entry.getValue(), entry.getKey()));
      }
    } else if (vocab.isArray()) {
      // Unigram models: [token, score] pairs in id order.
      for (int id = 0; id < vocab.size(); id++) {
        put(vocab.get(id).path(0).asText(), id);
      }
    } else {
      throw new IOException(name + ": found no model.vocab; expected a Hugging Face tokenizer.json");
    }
  }

  private int id(JsonNode node, String token) throws IOException {
    if (!node.isInt() || node.intValue() < 0 || node.intValue() == Integer.MAX_VALUE) {
      throw new IOException(name + ": the id of the token \"" + token + "\" is " + node + ", expected a whole number"
        + " of at least 0");
    }
    return node.intValue();
  }

  private void put(String token, int id) {
    tokens.put(id, token);
    ids.put(token, id);
  }

  private int find(String key, JsonNode config, JsonNode map, List<String> usualNames) {
    for (JsonNode node : List.of(config.path(key), map.path(key))) {
      // Either the text itself or an object that describes the added token.
      String token = node.isObject() ? node.path("content").asText() : node.asText();
      if (!token.isEmpty() && ids.containsKey(token)) {
        return ids.getInt(token);
      }
    }
    boolean told = config.has(key) || map.has(key);
    return told ? -1 : usualNames.stream().mapToInt(ids::getInt).filter(id -> id >= 0).findFirst().orElse(-1);
  }

  int size() {
    return size;
  }

  int bosId() {
    return bosId;
  }

  int eosId() {
    if (eosId < 0) {
      throw new IllegalStateException(name + ": no end-of-sequence token; name one as eos_token in"
        + " tokenizer_config.json beside it");
    }
    return eosId;
  }

  int padId() {
    return padId < 0 ? eosId() : padId;
  }

  String token(int id) {
    return tokens.get(id);
  }

  boolean isSpecial(int id) {
    return special.contains(id);
  }

  /** Whether {@code id} is a special token other than the one for what the model does not know. */
  boolean isControl(int id) {
    return id != unkId && special.contains(id);
  }

  /** The texts of the special tokens. */
  List<String> specialTexts() {
    return special.intStream().mapToObj(tokens::get).toList();
  }

  /** Whether text is cut by GPT-2's pattern alone, which never joins a line break to what follows on the next line. */
  boolean independentLines() {
    return independentLines;
  }

  JsonNode decoder() {
    return decoder;
  }
}
