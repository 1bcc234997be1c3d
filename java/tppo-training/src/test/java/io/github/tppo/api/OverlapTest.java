// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/**
 * What a kernel writes may be no part of anything else that it is given: every array that a call writes is laid over every other one,
 * shifted by one element, and has to be refused. Which those are is seen from the bytes.
 */
class OverlapTest {
  private static final byte MARK = 0x3e;

  private final Samples samples = KernelSamples.create();
  private final List<String> faults = new ArrayList<>();
  private int overlaps;

  @Test
  void whatIsWrittenMayOverlapNothing() throws Exception {
    for (Method kernel : Kernels.class.getDeclaredMethods()) {
      if (Modifier.isPublic(kernel.getModifiers())) {
        check(kernel);
      }
    }
    assertEquals("", String.join("\n", faults));
    assertTrue(overlaps > 300, () -> "only " + overlaps + " overlaps were tried");
  }

  private void check(Method kernel) throws Exception {
    int count = arrays(samples.arguments(kernel)).size();
    for (int written = 0; written < count; written++) {
      if (!writes(kernel, written)) {
        continue;
      }
      for (int other = 0; other < count; other++) {
        if (other != written) {
          overlap(kernel, written, other);
        }
      }
    }
  }

  private boolean writes(Method kernel, int index) throws Exception {
    Object[] arguments = samples.arguments(kernel);
    NativeArray array = arrays(arguments).get(index);
    ByteBuffer bytes = array.buffer();
    for (int i = 0; i < bytes.capacity(); i++) {
      bytes.put(i, MARK);
    }
    try {
      kernel.invoke(null, arguments);
    } catch (InvocationTargetException refused) {
      return false; // the mark is no right content of an input, and an output's is not read
    }
    for (int i = 0; i < bytes.capacity(); i++) {
      if (bytes.get(i) != MARK) {
        return true;
      }
    }
    return false;
  }

  private void overlap(Method kernel, int written, int other) throws Exception {
    Object[] arguments = samples.arguments(kernel);
    List<NativeArray> arrays = arrays(arguments);
    NativeArray first = arrays.get(written);
    NativeArray second = arrays.get(other);
    if (arguments[0] instanceof TokenLayout layout && layout.cuSeqlens() == second && !readsBounds(kernel)) {
      return;
    }
    NativeArray both = NativeArray.allocate(DType.U8, 64 + Math.max(bytes(first), bytes(second)));
    // Both aligned; the second begins inside the first one.
    long shift = second.dtype().bytes() < bytes(first) ? second.dtype().bytes() : 0;
    NativeArray over = view(both, 0, first);
    NativeArray under = view(both, shift, second);
    Object[] overlapping = replace(arguments, first, over, second, under);
    overlaps++;
    String name = kernel.getName() + ", " + names(kernel).get(written) + " over " + names(kernel).get(other);
    try {
      kernel.invoke(null, overlapping);
      if (shift > 0) {
        faults.add(name + " is not refused");
      }
    } catch (InvocationTargetException e) {
      if (!(e.getCause() instanceof IllegalArgumentException)) {
        faults.add(name + ": " + e.getCause());
      }
    }
  }

  /** Some operations take the bounds of sequences and have no use for them. */
  private boolean readsBounds(Method kernel) throws Exception {
    Object[] arguments = samples.arguments(kernel);
    ((TokenLayout) arguments[0]).cuSeqlens().buffer().putInt(0, -1);
    try {
      kernel.invoke(null, arguments);
      return false;
    } catch (InvocationTargetException e) {
      return true;
    }
  }

  private static long bytes(NativeArray array) {
    return array.length() * array.dtype().bytes();
  }

  private static NativeArray view(NativeArray memory, long from, NativeArray like) {
    return NativeArray.of(memory.slice(from, bytes(like)).buffer(), like.dtype());
  }

  private static List<NativeArray> arrays(Object... values) throws ReflectiveOperationException {
    List<NativeArray> arrays = new ArrayList<>();
    for (Object value : values) {
      if (value instanceof NativeArray array) {
        arrays.add(array);
      } else if (value instanceof Record record) {
        arrays.addAll(arrays(Samples.components(record)));
      } else if (value instanceof List<?> list) {
        arrays.addAll(arrays(list.toArray()));
      }
    }
    return arrays;
  }

  private List<String> names(Method kernel) throws Exception {
    List<String> names = new ArrayList<>();
    Object[] arguments = samples.arguments(kernel);
    for (int i = 0; i < arguments.length; i++) {
      Parameter parameter = kernel.getParameters()[i];
      for (int n = 0; n < arrays(arguments[i]).size(); n++) {
        names.add(parameter.getName() + (arguments[i] instanceof NativeArray ? "" : "[" + n + "]"));
      }
    }
    return names;
  }

  private static Object[] replace(Object[] values, NativeArray first, NativeArray over, NativeArray second, NativeArray under)
      throws ReflectiveOperationException {
    UnaryOperator<Object> swap = value -> value == first ? over : value == second ? under : value;
    Object[] replaced = new Object[values.length];
    for (int i = 0; i < values.length; i++) {
      if (values[i] instanceof Record record) {
        Object[] components = replace(Samples.components(record), first, over, second, under);
        Class<?>[] types = Arrays.stream(record.getClass().getRecordComponents()).map(c -> c.getType()).toArray(Class<?>[]::new);
        replaced[i] = record.getClass().getConstructor(types).newInstance(components);
      } else if (values[i] instanceof List<?> list) {
        replaced[i] = list.stream().map(swap).toList();
      } else {
        replaced[i] = swap.apply(values[i]);
      }
    }
    return replaced;
  }
}
