// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Wrong values of a type, made out of a right one. */
final class HostileValues {
  private final Samples samples;
  private final int depth;

  /** @param depth how far down records of records have one wrong part */
  HostileValues(Samples samples, int depth) {
    this.samples = samples;
    this.depth = depth;
  }

  List<Object> of(Class<?> type, Object right) throws Exception {
    return of(type, right, depth);
  }

  private List<Object> of(Class<?> type, Object right, int depth) throws Exception {
    List<Object> wrong = new ArrayList<>(samples.hostile(type));
    if (type.isPrimitive()) {
      wrong.addAll(primitives(type));
      return wrong;
    }
    wrong.add(null);
    if (type == Integer.class) {
      wrong.addAll(primitives(int.class));
    } else if (type == Double.class) {
      wrong.addAll(primitives(double.class));
    } else if (type == String.class) {
      wrong.addAll(List.of("", " \t\n", "\0", "\ud800", "../x", "é日\uffff", "a".repeat(100_000)));
    } else if (type.isEnum()) {
      wrong.addAll(List.of(type.getEnumConstants()));
    } else if (type.isArray() && right != null) {
      wrong.addAll(arrays(type, right, depth));
    } else if (right instanceof Record record && depth > 0) {
      wrong.addAll(records(record, depth));
    } else if (right instanceof List<?> list) {
      wrong.addAll(lists(list, depth));
    } else if (right instanceof Set<?> set) {
      wrong.addAll(List.of(Set.of(), new HashSet<>(Arrays.asList((Object) null))));
      lists(List.copyOf(set), depth).forEach(list -> wrong.add(new HashSet<>((Collection<?>) list)));
    } else if (right instanceof Map<?, ?> map) {
      wrong.addAll(maps(map, depth));
    }
    return wrong;
  }

  private static List<Object> primitives(Class<?> type) {
    if (type == int.class) {
      return List.of(0, 1, -1, Integer.MAX_VALUE, Integer.MIN_VALUE);
    } else if (type == long.class) {
      return List.of(0L, 1L, -1L, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 32);
    } else if (type == double.class) {
      return List.of(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, -1.0, 0.0, 1e308, -1e308, Double.MIN_VALUE);
    } else if (type == float.class) {
      return List.of(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -1f, 0f, 1e38f);
    } else if (type == boolean.class) {
      return List.of(true, false);
    } else if (type == byte.class) {
      return List.of((byte) 0, (byte) 2, (byte) -1);
    }
    throw new AssertionError("no wrong values of " + type);
  }

  /** Shorter, longer, and with a wrong element. */
  private List<Object> arrays(Class<?> type, Object right, int depth) throws Exception {
    Class<?> of = type.getComponentType();
    int length = Array.getLength(right);
    List<Object> wrong = new ArrayList<>(List.of(Array.newInstance(of, 0), Array.newInstance(of, length + 1)));
    if (length > 0) {
      wrong.add(Array.newInstance(of, length - 1));
      for (Object element : of(of, Array.get(right, 0), depth)) {
        for (int at : new int[] {0, length - 1}) {
          Object copy = Array.newInstance(of, length);
          System.arraycopy(right, 0, copy, 0, length);
          Array.set(copy, at, element);
          wrong.add(copy);
        }
      }
    }
    return wrong;
  }

  private List<Object> lists(List<?> right, int depth) throws Exception {
    List<Object> wrong = new ArrayList<>(List.of(List.of()));
    if (!right.isEmpty()) {
      List<Object> twice = new ArrayList<>(right);
      twice.addAll(right);
      wrong.add(twice);
      for (Object element : of(right.get(0).getClass(), right.get(0), depth - 1)) {
        List<Object> copy = new ArrayList<>(right);
        copy.set(0, element);
        wrong.add(copy);
      }
    } else {
      wrong.add(Arrays.asList((Object) null));
    }
    return wrong;
  }

  private List<Object> maps(Map<?, ?> right, int depth) throws Exception {
    List<Object> wrong = new ArrayList<>(List.of(Map.of()));
    if (right.isEmpty()) {
      wrong.add(new HashMap<>(Collections.singletonMap(null, null)));
      return wrong;
    }
    Map.Entry<?, ?> first = right.entrySet().iterator().next();
    for (Object key : of(first.getKey().getClass(), first.getKey(), depth - 1)) {
      wrong.add(with(right, key, first.getValue()));
    }
    for (Object value : of(first.getValue().getClass(), first.getValue(), depth - 1)) {
      wrong.add(with(right, first.getKey(), value));
    }
    return wrong;
  }

  private static Map<Object, Object> with(Map<?, ?> map, Object key, Object value) {
    Map<Object, Object> copy = new LinkedHashMap<>(map);
    copy.put(key, value);
    return copy;
  }

  /** One component wrong, where the constructor lets it pass; what the constructor does with it is another call's matter. */
  private List<Object> records(Record right, int depth) throws Exception {
    List<Object> wrong = new ArrayList<>();
    for (Constructor<?> constructor : right.getClass().getConstructors()) {
      if (!Samples.isCanonical(constructor)) {
        continue;
      }
      Object[] components = Samples.components(right);
      for (int i = 0; i < components.length; i++) {
        for (Object component : of(constructor.getParameterTypes()[i], components[i], depth - 1)) {
          Object[] arguments = components.clone();
          arguments[i] = component;
          try {
            wrong.add(constructor.newInstance(arguments));
          } catch (InvocationTargetException refused) {
            continue;
          }
        }
      }
    }
    return wrong;
  }
}
