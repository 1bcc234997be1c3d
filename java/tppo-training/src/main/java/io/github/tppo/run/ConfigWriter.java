// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Shows a configuration: as JSON with every default, and as the differences between two. Thread safe. */
public final class ConfigWriter {
  private static final ObjectMapper MAPPER = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private ConfigWriter() {}

  /** The whole configuration as indented JSON, in the order of the records' components, with a last line break. */
  public static String json(Record config) {
    return text(tree(config)) + "\n";
  }

  /** A JSON tree as indented text. */
  static String text(JsonNode tree) {
    try {
      return MAPPER.writeValueAsString(tree);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a JSON tree must be writable", e);
    }
  }

  /** The whole configuration as a JSON tree, under the names of a configuration file. */
  public static JsonNode tree(Object value) {
    if (value == null) {
      return NODES.nullNode();
    }
    if (value instanceof Record) {
      ObjectNode out = NODES.objectNode();
      for (RecordComponent component : value.getClass().getRecordComponents()) {
        out.set(ConfigNames.snake(component.getName()), tree(RecordTypes.get(component, value)));
      }
      return out;
    }
    if (value instanceof List<?> list) {
      ArrayNode out = NODES.arrayNode();
      list.forEach(item -> out.add(tree(item)));
      return out;
    }
    if (value instanceof Map<?, ?> map) {
      ObjectNode out = NODES.objectNode();
      map.forEach((key, item) -> out.set(Objects.requireNonNull((String) key, "a name in a map"), tree(item)));
      return out;
    }
    if (value instanceof Enum<?> constant) {
      return NODES.textNode(ConfigNames.of(constant));
    }
    if (value instanceof Path || value instanceof String) {
      return NODES.textNode(value.toString());
    }
    return MAPPER.valueToTree(value);
  }

  /** Every key with a different value, as {@code key.path: old -> new}; empty when the two are equal. */
  static List<String> differences(JsonNode before, JsonNode after) {
    List<String> out = new ArrayList<>();
    compare("", before, after, out);
    return out;
  }

  private static void compare(String path, JsonNode before, JsonNode after, List<String> out) {
    if (before != null && after != null && before.isObject() && after.isObject()) {
      Set<String> keys = new LinkedHashSet<>();
      for (Iterator<String> names = before.fieldNames(); names.hasNext();) {
        keys.add(names.next());
      }
      for (Iterator<String> names = after.fieldNames(); names.hasNext();) {
        keys.add(names.next());
      }
      keys.forEach(key -> compare(ConfigNames.join(path, key), before.get(key), after.get(key), out));
    } else if (!String.valueOf(before).equals(String.valueOf(after))) {
      out.add(path + ": " + (before == null ? "(no such key)" : before) + " -> " + (after == null ? "(no such key)" : after));
    }
  }
}
