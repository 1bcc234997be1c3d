// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.History;
import java.io.IOException;
import java.io.Reader;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads histories from JSON: one object or several, one after the other or one a line. Each is either a history
 * ({@code {"search": [...], "click": [...]}}) or an example that has one under {@code history}.
 */
final class HistoryReader {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final List<String> LISTS = List.of("search", "click", "purchase", "visit");

  private HistoryReader() {}

  /**
   * Reads all histories.
   *
   * @param source what to call the input in messages
   * @throws IllegalArgumentException when something is not as expected; says which object and what
   */
  static List<History> read(Reader in, String source) throws IOException {
    List<History> out = new ArrayList<>();
    try (MappingIterator<JsonNode> values = MAPPER.readerFor(JsonNode.class).readValues(in)) {
      while (values.hasNextValue()) {
        out.add(history(values.nextValue(), source + ", object " + (out.size() + 1)));
      }
    } catch (JsonProcessingException e) {
      String line = e.getLocation() == null ? "" : ":" + e.getLocation().getLineNr();
      throw new IllegalArgumentException(source + line + ": not valid JSON: " + e.getOriginalMessage(), e);
    }
    if (out.isEmpty()) {
      throw new IllegalArgumentException(source + ": empty, expected a JSON object such as {\"search\": [\"first query\", \"second query\"]}");
    }
    return out;
  }

  private static History history(JsonNode value, String where) {
    JsonNode history = value.has("history") ? value.get("history") : value;
    if (!history.isObject()) {
      throw new IllegalArgumentException(where + ": found " + history.getNodeType().toString().toLowerCase(java.util.Locale.ROOT)
          + ", expected an object with " + String.join(", ", LISTS));
    }
    if (LISTS.stream().noneMatch(history::has)) {
      throw new IllegalArgumentException(where + ": has none of " + String.join(", ", LISTS));
    }
    return new History(list(history, "search", where), list(history, "click", where), list(history, "purchase", where),
        list(history, "visit", where));
  }

  private static List<String> list(JsonNode history, String key, String where) {
    JsonNode list = history.path(key);
    List<String> out = new ArrayList<>();
    if (list.isMissingNode() || list.isNull()) {
      return out;
    }
    if (!list.isArray()) {
      throw new IllegalArgumentException(where + ": " + key + ": expected a list of strings, oldest first");
    }
    for (JsonNode item : list) {
      if (!item.isTextual()) {
        throw new IllegalArgumentException(where + ": " + key + "[" + out.size() + "]: found " + item + ", expected a string");
      }
      out.add(item.asText());
    }
    return out;
  }
}
