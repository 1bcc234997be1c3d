// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

/**
 * Right arguments, from which {@link HostileCalls} makes wrong ones: by type, and for calls whose arguments depend on one another, by
 * call. A call is named {@code Class.method}, {@code Class.new}, or either with its types where there are several: {@code
 * Class.method(int,String)}.
 */
final class Samples {
  private final Map<String, Callable<?>> types = new HashMap<>();
  private final Map<String, Callable<Object[]>> calls = new HashMap<>();
  private final Map<String, Callable<?>> receivers = new HashMap<>();
  private final Map<String, String> without = new HashMap<>();
  private final Map<Class<?>, Callable<List<?>>> hostile = new HashMap<>();
  private final Map<String, Class<? extends Throwable>> throwing = new HashMap<>();
  private final Set<Object> shared = Collections.newSetFromMap(new IdentityHashMap<>());
  private final Map<Class<?>, Callable<?>> anew = new HashMap<>();
  private final Set<String> used = new HashSet<>();

  /** A value for every argument of a type and every call on an object of it; the type is written as in its declaration, without packages. */
  Samples type(String type, Callable<?> value) {
    types.put(type, value);
    return this;
  }

  <T> Samples type(Class<T> type, Callable<? extends T> value) {
    return type(simple(type.getTypeName()), value);
  }

  /** The same value for all calls, but for those that close it. */
  <T extends AutoCloseable> Samples shared(Class<T> type, Callable<? extends T> value) throws Exception {
    T only = value.call();
    shared.add(only);
    anew.put(type, value);
    return on(simple(type.getTypeName()) + ".close", value).type(type, () -> only);
  }

  /** Leaves what is used again open. */
  <T extends AutoCloseable> T kept(T value) {
    shared.add(value);
    return value;
  }

  boolean isShared(Object value) {
    return shared.contains(value);
  }

  /** An object to be closed, and then to make a call on. */
  Object closeable(Executable call) throws Exception {
    Callable<?> value = anew.get(call.getDeclaringClass());
    return value == null || Modifier.isStatic(call.getModifiers()) ? receiver(call) : value.call();
  }

  Samples call(String call, Callable<Object[]> arguments) {
    calls.put(call, arguments);
    return this;
  }

  Samples on(String call, Callable<?> receiver) {
    receivers.put(call, receiver);
    return this;
  }

  /** More wrong values of a type. */
  Samples hostile(Class<?> type, Callable<List<?>> values) {
    hostile.put(type, values);
    return this;
  }

  /** Calls that say in their documentation that they throw what others must not. */
  Samples throwing(Class<? extends Throwable> type, String... thrownBy) {
    for (String call : thrownBy) {
      throwing.put(call, type);
    }
    return this;
  }

  /** Leaves a call or, {@code Class.*}, all of a class out. */
  Samples without(String reason, String... left) {
    for (String call : left) {
      without.put(call, reason);
    }
    return this;
  }

  boolean isLeftOut(Executable call) {
    String all = className(call) + ".*";
    if (without.containsKey(all)) {
      used.add(all);
      return true;
    }
    return found(without, call) != null;
  }

  boolean mayThrow(Executable call, Throwable thrown) {
    Class<? extends Throwable> documented = found(throwing, call);
    return documented != null && documented.isInstance(thrown);
  }

  List<?> hostile(Class<?> type) throws Exception {
    Callable<List<?>> values = hostile.get(type);
    return values == null ? List.of() : values.call();
  }

  /** Right arguments of a call, made anew. */
  Object[] arguments(Executable call) throws Exception {
    Callable<Object[]> given = found(calls, call);
    if (given != null) {
      return given.call();
    }
    Callable<?> whole = types.get(className(call));
    if (call instanceof Constructor<?> constructor && isCanonical(constructor) && whole != null) {
      return components((Record) whole.call());
    }
    return values(call);
  }

  private Object[] values(Executable call) throws Exception {
    Parameter[] parameters = call.getParameters();
    Object[] arguments = new Object[parameters.length];
    for (int i = 0; i < parameters.length; i++) {
      arguments[i] = value(parameters[i].getParameterizedType().getTypeName(), parameters[i].getType(), call + " needs " + parameters[i]);
    }
    return arguments;
  }

  /** An object to make a call on; null for static methods and constructors. */
  Object receiver(Executable call) throws Exception {
    if (call instanceof Constructor || Modifier.isStatic(call.getModifiers())) {
      return null;
    }
    Callable<?> given = found(receivers, call);
    Class<?> type = call.getDeclaringClass();
    return given != null ? given.call() : value(type.getTypeName(), type, call + " is a method");
  }

  private Object value(String typeName, Class<?> type, String need) throws Exception {
    Callable<?> sample = types.getOrDefault(simple(typeName), types.get(simple(type.getTypeName())));
    if (sample != null) {
      return sample.call();
    }
    if (type.isEnum()) {
      return type.getEnumConstants()[0];
    }
    if (type.isRecord()) {
      for (Constructor<?> constructor : type.getConstructors()) {
        if (isCanonical(constructor)) {
          return constructor.newInstance(values(constructor));
        }
      }
    }
    throw new AssertionError(need + ": register a " + simple(typeName) + " or this call");
  }

  private <T> T found(Map<String, T> map, Executable call) {
    String exact = name(call) + "(" + Arrays.stream(call.getParameterTypes()).map(Class::getSimpleName).collect(Collectors.joining(",")) + ")";
    String key = map.containsKey(exact) ? exact : name(call);
    if (map.containsKey(key)) {
      used.add(key);
    }
    return map.get(key);
  }

  /** What was registered for calls that are no more. */
  Set<String> unused() {
    Set<String> unused = new HashSet<>(calls.keySet());
    unused.addAll(receivers.keySet());
    unused.addAll(throwing.keySet());
    unused.addAll(without.keySet());
    unused.removeAll(used);
    return unused;
  }

  static String name(Executable call) {
    return className(call) + "." + (call instanceof Constructor ? "new" : call.getName());
  }

  private static String className(Executable call) {
    return simple(call.getDeclaringClass().getTypeName());
  }

  /** Without packages and enclosing classes. */
  private static String simple(String typeName) {
    return typeName.replaceAll("[\\w.$]*[.$](?=\\w)", "").replace(" ", "");
  }

  static boolean isCanonical(Constructor<?> constructor) {
    RecordComponent[] components = constructor.getDeclaringClass().getRecordComponents();
    return components != null && Arrays.equals(constructor.getParameterTypes(), Arrays.stream(components).map(RecordComponent::getType).toArray());
  }

  static Object[] components(Record record) throws ReflectiveOperationException {
    RecordComponent[] components = record.getClass().getRecordComponents();
    Object[] values = new Object[components.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = components[i].getAccessor().invoke(record);
    }
    return values;
  }
}
