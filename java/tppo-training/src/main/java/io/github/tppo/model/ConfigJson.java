// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Typed reading of a checkpoint's {@code config.json} with errors that name file, key and what was expected. */
final class ConfigJson {

  private static final long MAX_BYTES = 4_000_000;

  private final Path file;
  private final JsonNode node;
  private final String prefix;

  private ConfigJson(Path file, JsonNode node, String prefix) {
    this.file = file;
    this.node = node;
    this.prefix = prefix;
  }

  static ConfigJson read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + ": no such file; a checkpoint folder holds config.json and model.safetensors");
    }
    if (Files.size(file) > MAX_BYTES) {
      throw new IOException(file + ": is larger than " + MAX_BYTES + " bytes");
    }
    JsonNode node;
    try {
      node = SafeTensorsHeader.JSON.readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": is not valid JSON: " + e.getOriginalMessage(), e);
    }
    if (!node.isObject()) {
      throw new IOException(file + ": is not a JSON object");
    }
    return new ConfigJson(file, node, "");
  }

  /** Whether the key is there and not null. */
  boolean has(String key) {
    return node.hasNonNull(key);
  }

  /** Whether the key is there, be it null. */
  boolean mentions(String key) {
    return node.has(key);
  }

  /** The names of all keys. */
  Iterable<String> keys() {
    return node::fieldNames;
  }

  JsonNode get(String key) {
    return node.get(key);
  }

  /** The object under the key. */
  ConfigJson object(String key) throws IOException {
    JsonNode value = node.path(key);
    if (!value.isObject()) {
      throw wrong(key, "an object");
    }
    return new ConfigJson(file, value, prefix + key + ".");
  }

  int positive(String key) throws IOException {
    JsonNode value = node.path(key);
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 1) {
      throw wrong(key, "a whole number of at least 1");
    }
    return value.intValue();
  }

  /** As {@link #positive(String)}; {@code absent} where the key is missing or null. */
  int positive(String key, int absent) throws IOException {
    return has(key) ? positive(key) : absent;
  }

  double number(String key) throws IOException {
    JsonNode value = node.path(key);
    if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
      throw wrong(key, "a number");
    }
    return value.doubleValue();
  }

  double number(String key, double absent) throws IOException {
    return has(key) ? number(key) : absent;
  }

  boolean flag(String key, boolean absent) throws IOException {
    if (!has(key)) {
      return absent;
    }
    if (!node.get(key).isBoolean()) {
      throw wrong(key, "true or false");
    }
    return node.get(key).booleanValue();
  }

  String text(String key, String absent) throws IOException {
    if (!has(key)) {
      return absent;
    }
    if (!node.get(key).isTextual()) {
      throw wrong(key, "a string");
    }
    return node.get(key).textValue();
  }

  /** Token ids, given as one or as a list; -1, null and a missing key mean none. */
  List<Integer> tokenIds(String key) throws IOException {
    JsonNode value = node.path(key);
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : value.isArray() ? value : List.of(value)) {
      boolean none = id.isMissingNode() || id.isNull();
      if (!none && (!id.isIntegralNumber() || !id.canConvertToInt() || id.intValue() < -1)) {
        throw wrong(key, "a token id");
      }
      if (!none && id.intValue() >= 0) {
        ids.add(id.intValue());
      }
    }
    return ids;
  }

  /** A token id; the first where a list is given, -1 where there is none. */
  int tokenId(String key) throws IOException {
    List<Integer> ids = tokenIds(key);
    return ids.isEmpty() ? -1 : ids.get(0);
  }

  /** A token id, {@code absent} where the key is not there at all. */
  int tokenId(String key, int absent) throws IOException {
    return node.has(key) ? tokenId(key) : absent;
  }

  /** Refuses settings that would change the numbers: each key may only have the values that leave them as they are. */
  void requireNeutral(Map<String, Set<String>> neutral) throws IOException {
    for (Map.Entry<String, Set<String>> entry : neutral.entrySet()) {
      require(entry.getKey(), entry.getValue().isEmpty() ? "a model without it" : String.join(" or ", new TreeSet<>(entry.getValue())),
          entry.getValue());
    }
  }

  /** Refuses a setting that would change the numbers and that we do not compute. */
  void require(String key, String expected, Set<String> accepted) throws IOException {
    if (has(key) && !accepted.contains(node.get(key).asText())) {
      throw new IOException(file + ": " + prefix + key + " is " + node.get(key) + ", supported is " + expected);
    }
  }

  IOException wrong(String key, String expected) {
    String found = node.has(key) ? node.get(key).toString() : "missing";
    return new IOException(file + ": " + prefix + key + " is " + found + ", expected " + expected);
  }

  IOException refuse(String message) {
    return new IOException(file + ": " + message);
  }
}
