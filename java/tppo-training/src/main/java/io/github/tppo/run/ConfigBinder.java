// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Binds a parsed configuration onto records, over their defaults. Every fault is collected, so that a user sees
 * all of them at once; after a fault the default stands in, and the caller throws at the end.
 */
final class ConfigBinder {
  private final Class<?> root;
  final List<String> faults = new ArrayList<>();

  ConfigBinder(Class<?> root) {
    this.root = root;
  }

  /** The value of {@code node} as {@code type}; {@code fallback} is the default that the node is merged over, or null. */
  Object bind(Type type, ConfigNode node, Object fallback, String path) {
    Class<?> raw = RecordTypes.raw(type);
    if (node.kind == ConfigNode.Kind.NULL) {
      if (fallback == null && !raw.isPrimitive()) {
        return null;
      }
      return fault(node, path, "found null, expected " + RecordTypes.words(type) + "; leave the key out for its default", fallback);
    }
    if (raw.isRecord()) {
      return bindRecord(raw, node, fallback, path);
    }
    if (raw == List.class) {
      return bindList((ParameterizedType) type, node, fallback, path);
    }
    if (raw == Map.class) {
      return bindMap((ParameterizedType) type, node, fallback, path);
    }
    if (raw == boolean.class || raw == Boolean.class) {
      return node.kind == ConfigNode.Kind.BOOLEAN ? (Object) Boolean.parseBoolean(node.text) : wrong(type, node, fallback, path);
    }
    if (raw == String.class) {
      if (node.kind == ConfigNode.Kind.STRING) {
        return node.text;
      }
      boolean scalar = node.kind == ConfigNode.Kind.NUMBER || node.kind == ConfigNode.Kind.BOOLEAN;
      return scalar ? fault(node, path, "found " + node.found() + ", expected a string; put it in quotes", fallback)
          : wrong(type, node, fallback, path);
    }
    if (raw == Path.class) {
      return bindPath(type, node, fallback, path);
    }
    if (raw.isEnum()) {
      return bindEnum(raw, node, fallback, path);
    }
    return bindNumber(raw, type, node, fallback, path);
  }

  private Object bindRecord(Class<?> type, ConfigNode node, Object fallback, String path) {
    if (node.kind != ConfigNode.Kind.OBJECT) {
      return wrong(type, node, fallback, path);
    }
    Object over = fallback != null ? fallback : RecordTypes.defaultsOrNull(type);
    RecordComponent[] components = type.getRecordComponents();
    Map<String, RecordComponent> known = new LinkedHashMap<>();
    for (RecordComponent component : components) {
      known.put(ConfigNames.snake(component.getName()), component);
    }
    int before = faults.size();
    node.fields.forEach((key, value) -> {
      if (!known.containsKey(key)) {
        fault(value, ConfigNames.join(path, key), "unknown key" + meant(key, path, known), null);
      }
    });
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      RecordComponent component = components[i];
      String key = ConfigNames.snake(component.getName());
      Object inherited = over == null ? null : RecordTypes.get(component, over);
      ConfigNode value = node.fields.get(key);
      if (value != null) {
        PathKey paths = component.getAnnotation(PathKey.class);
        values[i] = bind(component.getGenericType(), paths == null ? value : value.withPathsResolved(paths), inherited,
            ConfigNames.join(path, key));
      } else if (over != null || !component.getType().isPrimitive() && component.getType() != String.class) {
        values[i] = inherited;
      } else {
        fault(node, ConfigNames.join(path, key), "missing, expected " + RecordTypes.words(component.getGenericType()), null);
      }
    }
    if (faults.size() > before) {
      return fallback;
    }
    return construct(type, values, node, fallback, path);
  }

  private Object construct(Class<?> type, Object[] values, ConfigNode node, Object fallback, String path) {
    try {
      return RecordTypes.construct(type, values);
    } catch (InvocationTargetException e) {
      String message = String.valueOf(e.getCause().getMessage());
      if (!(e.getCause() instanceof IllegalArgumentException) && !(e.getCause() instanceof NullPointerException)) {
        throw new IllegalStateException(type.getName() + " failed for " + path, e.getCause());
      }
      int colon = message.indexOf(':');
      String key = colon > 0 ? ConfigNames.snake(message.substring(0, colon).strip()) : "";
      String firstKey = key.contains(".") ? key.substring(0, key.indexOf('.')) : key;
      ConfigNode at = node.fields.getOrDefault(firstKey, node);
      boolean named = Arrays.stream(type.getRecordComponents()).anyMatch(c -> ConfigNames.snake(c.getName()).equals(firstKey));
      return fault(at, named ? ConfigNames.join(path, key) : path, named ? message.substring(colon + 1).strip() : message, fallback);
    }
  }

  private Object bindList(ParameterizedType type, ConfigNode node, Object fallback, String path) {
    if (node.kind != ConfigNode.Kind.ARRAY) {
      return wrong(type, node, fallback, path);
    }
    List<Object> out = new ArrayList<>();
    int before = faults.size();
    for (int i = 0; i < node.items.size(); i++) {
      ConfigNode item = node.items.get(i);
      String itemPath = path + "[" + i + "]";
      if (item.kind == ConfigNode.Kind.NULL) {
        fault(item, itemPath, "found null, expected " + RecordTypes.words(type.getActualTypeArguments()[0]), null);
      } else {
        out.add(bind(type.getActualTypeArguments()[0], item, null, itemPath));
      }
    }
    return faults.size() > before ? fallback : Collections.unmodifiableList(out);
  }

  private Object bindMap(ParameterizedType type, ConfigNode node, Object fallback, String path) {
    if (node.kind != ConfigNode.Kind.OBJECT) {
      return wrong(type, node, fallback, path);
    }
    Map<String, Object> out = new LinkedHashMap<>();
    if (fallback != null) {
      ((Map<?, ?>) fallback).forEach((key, value) -> out.put((String) key, value));
    }
    int before = faults.size();
    node.fields.forEach((key, value) ->
        out.put(key, bind(type.getActualTypeArguments()[1], value, out.get(key), ConfigNames.join(path, key))));
    return faults.size() > before ? fallback : Collections.unmodifiableMap(out);
  }

  private Object bindPath(Type type, ConfigNode node, Object fallback, String path) {
    if (node.kind != ConfigNode.Kind.STRING || node.text.isBlank()) {
      return wrong(type, node, fallback, path);
    }
    try {
      return node.origin.base().resolve(node.text).normalize();
    } catch (InvalidPathException e) {
      return fault(node, path, "found " + node.found() + ", which is not a path: " + e.getReason(), fallback);
    }
  }

  private Object bindEnum(Class<?> type, ConfigNode node, Object fallback, String path) {
    List<String> known = new ArrayList<>();
    for (Object constant : type.getEnumConstants()) {
      String name = ConfigNames.of((Enum<?>) constant);
      if (node.items.isEmpty() && node.fields.isEmpty() && ConfigNames.folded(name).equals(ConfigNames.folded(node.text))) {
        return constant;
      }
      known.add(name);
    }
    String meant = ConfigNames.nearest(node.text, known).map(name -> "; did you mean " + name + "?").orElse("");
    return fault(node, path, "found " + node.found() + ", expected one of " + String.join(", ", known) + meant, fallback);
  }

  private Object bindNumber(Class<?> raw, Type type, ConfigNode node, Object fallback, String path) {
    BigDecimal number = number(node);
    if (number == null) {
      return wrong(type, node, fallback, path);
    }
    if (raw == double.class || raw == Double.class || raw == float.class || raw == Float.class) {
      boolean wide = raw == double.class || raw == Double.class;
      double value = wide ? number.doubleValue() : number.floatValue();
      if (Double.isInfinite(value)) {
        return wrong(type, node, fallback, path);
      }
      return wide ? (Object) value : (Object) (float) value;
    }
    try {
      boolean wide = raw == long.class || raw == Long.class;
      return wide ? (Object) number.longValueExact() : (Object) number.intValueExact();
    } catch (ArithmeticException e) {
      return wrong(type, node, fallback, path);
    }
  }

  /** A plain scalar as a number, or null. YAML 1.1 takes {@code 1e-5} for a string; everybody else for a number. */
  private static BigDecimal number(ConfigNode node) {
    boolean plain = node.kind == ConfigNode.Kind.NUMBER || node.kind == ConfigNode.Kind.STRING && !node.quoted;
    // The bound on the exponent keeps exact conversion of something like 1e999999999 from filling the memory.
    if (!plain || !node.text.matches("[-+]?(\\d[\\d_]{0,60}\\.?[\\d_]{0,60}|\\.\\d[\\d_]{0,60})([eE][-+]?\\d{1,3})?")) {
      return null;
    }
    return new BigDecimal(node.text.replace("_", ""));
  }

  private Object wrong(Type type, ConfigNode node, Object fallback, String path) {
    return fault(node, path, "found " + node.found() + ", expected " + RecordTypes.words(type), fallback);
  }

  private Object fault(ConfigNode node, String path, String message, Object standIn) {
    String key = path.isEmpty() ? "the configuration" : path;
    faults.add(node.origin.name() + ": " + key + ": " + message);
    return standIn;
  }

  /** The nearest name of the same section, else the same or a near name of another section, else all names. */
  private String meant(String key, String path, Map<String, RecordComponent> known) {
    Optional<String> near = ConfigNames.nearest(key, known.keySet());
    if (near.isPresent()) {
      return "; did you mean " + ConfigNames.join(path, near.get()) + "?";
    }
    Optional<String> elsewhere = RecordTypes.paths(root).stream()
        .filter(other -> other.substring(other.lastIndexOf('.') + 1).equals(key)).findFirst();
    return elsewhere.map(other -> "; did you mean " + other + "?").orElse("; known here: " + String.join(", ", known.keySet()));
  }
}
