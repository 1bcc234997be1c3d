// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import com.fasterxml.jackson.databind.node.TextNode;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes a configuration as YAML in which every key has its {@link Doc}: what {@code tppo init} gives a user. */
public final class ConfigTemplate {
  private static final int WIDTH = 100;
  /** Text that YAML reads back as the same string without quotes. */
  private static final String PLAIN = "[A-Za-z_/][A-Za-z0-9_./-]*";
  private static final String RESERVED = "(?i)true|false|yes|no|on|off|null|y|n";

  private final StringBuilder out = new StringBuilder();

  private ConfigTemplate() {}

  /** The YAML; reading it back gives {@code config}. Keys without a value are commented out. */
  public static String yaml(Record config) {
    ConfigTemplate template = new ConfigTemplate();
    Doc heading = config.getClass().getAnnotation(Doc.class);
    if (heading != null) {
      template.comment("", heading.value());
      template.out.append('\n');
    }
    template.record(config, "");
    return template.out.toString();
  }

  private void record(Record record, String indent) {
    Object before = null;
    boolean first = true;
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      Object value = RecordTypes.get(component, record);
      if (!first && (indent.isEmpty() || value instanceof Record || before instanceof Record)) {
        out.append('\n');
      }
      first = false;
      before = value;
      Doc doc = component.getAnnotation(Doc.class);
      if (doc != null) {
        comment(indent, doc.value());
      } else if (value instanceof Record && value.getClass().isAnnotationPresent(Doc.class)) {
        comment(indent, value.getClass().getAnnotation(Doc.class).value());
      }
      choices(component.getGenericType(), indent);
      String key = ConfigNames.snake(component.getName());
      if (value == null) {
        out.append(indent).append("# ").append(key).append(":   # not set; ")
            .append(RecordTypes.words(component.getGenericType())).append('\n');
      } else {
        entry(key, value, indent);
      }
    }
  }

  private void choices(Type type, String indent) {
    Type leaf = type;
    while (leaf instanceof ParameterizedType p) {
      leaf = p.getActualTypeArguments()[p.getActualTypeArguments().length - 1];
    }
    if (RecordTypes.raw(leaf).isEnum()) {
      comment(indent, "One of: " + RecordTypes.enumNames(RecordTypes.raw(leaf)) + ".");
    }
  }

  private void entry(String key, Object value, String indent) {
    out.append(indent).append(key).append(':');
    if (value instanceof Record record && record.getClass().getRecordComponents().length > 0) {
      out.append('\n');
      record(record, indent + "  ");
    } else if (value instanceof Map<?, ?> map && !map.isEmpty()) {
      out.append('\n');
      map.forEach((name, item) -> entry(scalar(name), item, indent + "  "));
    } else if (value instanceof List<?> list && !list.isEmpty() && list.get(0) instanceof Record) {
      out.append('\n');
      for (Object item : list) {
        out.append(indent).append("  -\n");
        record((Record) item, indent + "    ");
      }
    } else {
      out.append(' ').append(scalar(value)).append('\n');
    }
  }

  private static String scalar(Object value) {
    if (value instanceof List<?> list) {
      return list.stream().map(ConfigTemplate::scalar).collect(Collectors.joining(", ", "[", "]"));
    }
    if (value instanceof Map<?, ?> || value instanceof Record) {
      return "{}";
    }
    if (value instanceof Enum<?> constant) {
      return scalar(ConfigNames.of(constant));
    }
    if (value instanceof String || value instanceof Path) {
      String text = value.toString();
      boolean plain = text.matches(PLAIN) && !text.matches(RESERVED);
      return plain ? text : TextNode.valueOf(text).toString();
    }
    // YAML 1.1 wants a point in a number with an exponent, which Java's form has.
    return String.valueOf(value).toLowerCase(Locale.ROOT);
  }

  private void comment(String indent, String text) {
    StringBuilder line = new StringBuilder(indent).append('#');
    for (String word : text.strip().split("\\s+")) {
      if (line.length() + 1 + word.length() > WIDTH && line.length() > indent.length() + 1) {
        out.append(line).append('\n');
        line = new StringBuilder(indent).append('#');
      }
      line.append(' ').append(word);
    }
    out.append(line).append('\n');
  }
}
