// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.tppo.data.History;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Histories in JSON: a history ({@code {"search": [...], "click": [...], "purchase": [...], "visit": [...]}}, lists of strings, oldest
 * first, any of them may be missing but not all), or an example that has one under {@code history}.
 */
public final class Histories {
  /** Reads one JSON value and nothing after it; a key that comes twice is refused. */
  public static final ObjectReader JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build()
      .readerFor(JsonNode.class).with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  /** The lists of a history. */
  public static final List<String> LISTS = List.of("search", "click", "purchase", "visit");

  /** The keys of an example. */
  public static final List<String> EXAMPLE = List.of("user", "history", "target_queries");
  /** What Jackson says of its own classes and features, and of a source that it then leaves out. */
  private static final Pattern ASIDES = Pattern.compile(
      "(?<=\\[)Source: [^;\\]]*; | \\(bound as `[^`]*`\\)|: not allowed as per `[^`]*`|, from `[^`]*`");

  private Histories() {}

  /**
   * The history of a JSON value.
   *
   * @param path where the value lies, for messages; empty when it is the whole
   * @param strict whether a key that means nothing is refused rather than left unread
   * @throws InputException when something is not as expected
   */
  public static History of(JsonNode value, String path, boolean strict) {
    if (!value.isObject()) {
      throw new InputException(path, "found " + type(value) + ", expected an object with " + String.join(", ", LISTS));
    }
    if (!value.has("history")) {
      return lists(value, path, strict);
    }
    if (strict) {
      refuseOthers(value, path, EXAMPLE);
    }
    return lists(value.get("history"), join(path, "history"), strict);
  }

  private static History lists(JsonNode history, String path, boolean strict) {
    if (!history.isObject()) {
      throw new InputException(path, "found " + type(history) + ", expected an object with " + String.join(", ", LISTS));
    }
    if (strict) {
      refuseOthers(history, path, LISTS);
    }
    if (LISTS.stream().noneMatch(history::has)) {
      throw new InputException(path, "has none of " + String.join(", ", LISTS));
    }
    return new History(list(history, "search", path), list(history, "click", path), list(history, "purchase", path),
        list(history, "visit", path));
  }

  private static List<String> list(JsonNode history, String key, String path) {
    JsonNode list = history.path(key);
    List<String> out = new ArrayList<>();
    if (list.isMissingNode() || list.isNull()) {
      return out;
    }
    if (!list.isArray()) {
      throw new InputException(join(path, key), "found " + type(list) + ", expected a list of strings, oldest first");
    }
    for (JsonNode item : list) {
      if (!item.isTextual()) {
        throw new InputException(join(path, key) + "[" + out.size() + "]", "found " + type(item) + ", expected a string");
      }
      out.add(item.asText());
    }
    return out;
  }

  /**
   * Refuses keys that mean nothing.
   *
   * @throws InputException when {@code object} has one that is not {@code known}
   */
  public static void refuseOthers(JsonNode object, String path, List<String> known) {
    object.fieldNames().forEachRemaining(key -> {
      if (!known.contains(key)) {
        String shown = key.length() > 40 ? key.substring(0, 40) + "..." : key;
        throw new InputException(join(path, shown), "unknown key, expected " + String.join(", ", known));
      }
    });
  }

  /** A JSON value's type in words. */
  public static String type(JsonNode value) {
    return value.getNodeType().toString().toLowerCase(Locale.ROOT);
  }

  /** What is wrong with a text that is not JSON. */
  public static String fault(JsonProcessingException e) {
    return "not valid JSON: " + ASIDES.matcher(e.getOriginalMessage()).replaceAll("");
  }

  private static String join(String path, String key) {
    return path.isEmpty() ? key : path + "." + key;
  }
}
