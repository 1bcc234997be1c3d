// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Reflection on configuration records: components, defaults, construction, and types in a reader's words. */
final class RecordTypes {
  private RecordTypes() {}

  static Class<?> raw(Type type) {
    if (type instanceof Class<?> c) {
      return c;
    }
    if (type instanceof ParameterizedType p) {
      return (Class<?>) p.getRawType();
    }
    throw new IllegalArgumentException("a configuration cannot hold " + type);
  }

  /** The value of the static method {@code defaults()} of a record, or null when it has none. */
  static Object defaultsOrNull(Class<?> type) {
    try {
      Method method = type.getDeclaredMethod("defaults");
      if (!Modifier.isStatic(method.getModifiers()) || method.getReturnType() != type) {
        return null;
      }
      method.setAccessible(true);
      return method.invoke(null);
    } catch (NoSuchMethodException e) {
      return null;
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException(type.getName() + ".defaults() failed", e);
    }
  }

  static Object get(RecordComponent component, Object record) {
    try {
      Method accessor = component.getAccessor();
      accessor.setAccessible(true);
      return accessor.invoke(record);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException("cannot read " + component, e);
    }
  }

  static Object construct(Class<?> type, Object[] values) throws InvocationTargetException {
    Class<?>[] types = Arrays.stream(type.getRecordComponents()).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      Constructor<?> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(values);
    } catch (NoSuchMethodException | InstantiationException | IllegalAccessException e) {
      throw new IllegalStateException("cannot construct " + type.getName(), e);
    }
  }

  /** What a value of this type looks like, in a reader's words. */
  static String words(Type type) {
    Class<?> raw = raw(type);
    if (raw.isRecord()) {
      return "a section with "
          + Arrays.stream(raw.getRecordComponents()).map(c -> ConfigNames.snake(c.getName())).collect(Collectors.joining(", "));
    }
    if (raw.isEnum()) {
      return "one of " + enumNames(raw);
    }
    if (raw == List.class) {
      return "a list, each item " + words(((ParameterizedType) type).getActualTypeArguments()[0]);
    }
    if (raw == Map.class) {
      return "a section of names, each with " + words(((ParameterizedType) type).getActualTypeArguments()[1]);
    }
    if (raw == String.class) {
      return "a string";
    }
    if (raw == Path.class) {
      return "a path";
    }
    if (raw == boolean.class || raw == Boolean.class) {
      return "true or false";
    }
    if (raw == int.class || raw == Integer.class) {
      return "a whole number";
    }
    if (raw == long.class || raw == Long.class) {
      return "a whole number (64 bit)";
    }
    if (raw == double.class || raw == Double.class || raw == float.class || raw == Float.class) {
      return "a finite number";
    }
    throw new IllegalArgumentException("a configuration cannot hold " + type);
  }

  static String enumNames(Class<?> type) {
    return Arrays.stream(type.getEnumConstants()).map(c -> ConfigNames.of((Enum<?>) c)).collect(Collectors.joining(", "));
  }

  /** The full paths of all keys below a record, sections included; not into lists and maps. */
  static List<String> paths(Class<?> root) {
    List<String> out = new ArrayList<>();
    collect(root, "", out);
    return out;
  }

  private static void collect(Class<?> type, String path, List<String> out) {
    for (RecordComponent component : type.getRecordComponents()) {
      String key = ConfigNames.join(path, ConfigNames.snake(component.getName()));
      out.add(key);
      if (component.getType().isRecord()) {
        collect(component.getType(), key, out);
      }
    }
  }

  /** The type at a dotted path below {@code root}, or null when there is none. A map has any key. */
  static Type at(Type root, List<String> path) {
    Type type = root;
    for (String key : path) {
      Class<?> raw = raw(type);
      if (raw == Map.class) {
        type = ((ParameterizedType) type).getActualTypeArguments()[1];
      } else if (raw.isRecord()) {
        Type next = null;
        for (RecordComponent component : raw.getRecordComponents()) {
          if (ConfigNames.snake(component.getName()).equals(key)) {
            next = component.getGenericType();
          }
        }
        if (next == null) {
          return null;
        }
        type = next;
      } else {
        return null;
      }
    }
    return type;
  }
}
