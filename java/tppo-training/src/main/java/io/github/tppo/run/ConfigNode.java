// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A parsed configuration in which every value still knows where it was written. (Jackson's own tree forgets
 * lines and whether a scalar was quoted, and both are needed for messages.) Immutable but for {@link #fields},
 * into which {@link ConfigOverrides} puts values of the command line.
 */
final class ConfigNode {
  /** The form of a value as it was written. */
  enum Kind {
    OBJECT("a section"), ARRAY("a list"), STRING("a string"), NUMBER("a number"), BOOLEAN("true or false"), NULL("null");

    final String words;

    Kind(String words) {
      this.words = words;
    }
  }

  /** Where a value came from: {@code file:line} or {@code --set key=value}, and what its relative paths are relative to. */
  record Origin(String name, Path base) {}

  final Kind kind;
  /** The scalar as written, without quotes; empty for a section or list. */
  final String text;
  final boolean quoted;
  final Origin origin;
  final Map<String, ConfigNode> fields = new LinkedHashMap<>();
  final List<ConfigNode> items = new ArrayList<>();

  ConfigNode(Kind kind, String text, boolean quoted, Origin origin) {
    this.kind = kind;
    this.text = text;
    this.quoted = quoted;
    this.origin = origin;
  }

  /** What was found, for a message. */
  String found() {
    return switch (kind) {
      case STRING -> "\"" + (text.length() > 60 ? text.substring(0, 60) + "..." : text) + "\"";
      case NUMBER, BOOLEAN -> text;
      default -> kind.words;
    };
  }

  /**
   * Parses YAML, or JSON when {@code name} ends in {@code .json}. Nothing at all is an empty section.
   *
   * @param name what to call the text in messages, usually the file's name
   * @param base what relative paths in it are relative to
   * @param numberedLines whether messages add the line to {@code name}
   */
  static ConfigNode parse(String text, String name, Path base, boolean numberedLines) {
    boolean json = name.endsWith(".json");
    // Only true and false are booleans: YAML 1.1's yes, no, on and off stay the words that they are.
    JsonFactory factory = json ? new JsonFactory()
        : new YAMLFactory().enable(YAMLParser.Feature.PARSE_BOOLEAN_LIKE_WORDS_AS_STRINGS);
    String source = text.startsWith("\uFEFF") ? text.substring(1) : text;
    try (JsonParser parser = factory.createParser(source)) {
      Reader reader = new Reader(parser, source.split("\\R", -1), name, base, numberedLines);
      if (parser.nextToken() == null) {
        return new ConfigNode(Kind.OBJECT, "", false, reader.here());
      }
      ConfigNode root = reader.value("");
      if (parser.nextToken() != null) {
        throw new ConfigException(reader.here().name() + ": a second document; expected one configuration in a file");
      }
      return root;
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String where = at == null || !numberedLines ? name : name + ":" + at.getLineNr();
      String reason = e.getOriginalMessage().lines().findFirst().orElse("cannot be parsed");
      throw new ConfigException(where + ": not valid " + (json ? "JSON" : "YAML") + ": " + reason, e);
    } catch (IOException e) {
      throw new ConfigException(name + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private record Reader(JsonParser parser, String[] lines, String name, Path base, boolean numberedLines) {
    Origin here() {
      return new Origin(numberedLines ? name + ":" + parser.currentTokenLocation().getLineNr() : name, base);
    }

    ConfigNode value(String path) throws IOException {
      if (parser instanceof YAMLParser yaml && yaml.isCurrentAlias()) {
        throw new ConfigException(here().name() + ": " + path + ": a YAML alias (*name); write the value out");
      }
      JsonToken token = parser.currentToken();
      return switch (token) {
        case START_OBJECT -> object(path);
        case START_ARRAY -> array(path);
        case VALUE_NULL -> new ConfigNode(Kind.NULL, "", false, here());
        case VALUE_TRUE, VALUE_FALSE -> new ConfigNode(Kind.BOOLEAN, parser.getText(), false, here());
        case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> new ConfigNode(Kind.NUMBER, parser.getText(), false, here());
        case VALUE_STRING -> new ConfigNode(Kind.STRING, parser.getText(), quoted(), here());
        default -> throw new ConfigException(here().name() + ": " + path + ": unexpected " + token);
      };
    }

    private ConfigNode object(String path) throws IOException {
      ConfigNode node = new ConfigNode(Kind.OBJECT, "", false, here());
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String key = parser.currentName();
        String keyPath = ConfigNames.join(path, key);
        if (node.fields.containsKey(key)) {
          throw new ConfigException(here().name() + ": " + keyPath + ": given twice, first at "
              + node.fields.get(key).origin.name());
        }
        Origin atKey = here();
        parser.nextToken();
        ConfigNode value = value(keyPath);
        // A section's own mark is its first key; the line of the key above it is the better one.
        node.fields.put(key, value.kind == Kind.OBJECT || value.kind == Kind.ARRAY ? value.at(atKey) : value);
      }
      return node;
    }

    private ConfigNode array(String path) throws IOException {
      ConfigNode node = new ConfigNode(Kind.ARRAY, "", false, here());
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        node.items.add(value(path + "[" + node.items.size() + "]"));
      }
      return node;
    }

    private boolean quoted() {
      JsonLocation at = parser.currentTokenLocation();
      String line = at.getLineNr() >= 1 && at.getLineNr() <= lines.length ? lines[at.getLineNr() - 1] : "";
      int column = at.getColumnNr() - 1;
      return column >= 0 && column < line.length() && "\"'|>".indexOf(line.charAt(column)) >= 0;
    }
  }

  /** The same value with every text that is a relative path made relative to where it was written. */
  ConfigNode withPathsResolved(PathKey key) {
    boolean path = kind == Kind.STRING && !text.isBlank() && !Arrays.asList(key.except()).contains(text);
    ConfigNode out = new ConfigNode(kind, path ? resolve() : text, quoted, origin);
    out.fields.putAll(fields);
    items.forEach(item -> out.items.add(item.withPathsResolved(key)));
    return out;
  }

  private String resolve() {
    try {
      return origin.base().resolve(text).normalize().toString();
    } catch (InvalidPathException e) {
      throw new ConfigException(origin.name() + ": found " + found() + ", which is not a path: " + e.getReason(), e);
    }
  }

  private ConfigNode at(Origin other) {
    ConfigNode moved = new ConfigNode(kind, text, quoted, other);
    moved.fields.putAll(fields);
    moved.items.addAll(items);
    return moved;
  }
}
