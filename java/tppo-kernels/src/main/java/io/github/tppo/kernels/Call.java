// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * One call of a native operation: checks the arrays against the shapes that the operation expects, finds the device,
 * provides workspace and room for the statistics, and keeps the arrays reachable until the call is done.
 */
final class Call {

  /** Asks for the workspace that a call needs. */
  interface SizeQuery {
    int bytes(int device, long[] result);
  }

  /** Runs the operation. */
  interface Launch {
    int run(int device, Pointer workspace, long size);
  }

  /** More than any argument struct takes. */
  private static final int ARGUMENT_BYTES = 1024;

  /** The most argument structs that a call has. */
  private static final int ARGUMENT_STRUCTS = 3;

  /** Allocating a struct with a finaliser for each call would cost more than a small call does. */
  private static final ThreadLocal<NativeArray> ARGUMENTS =
      ThreadLocal.withInitial(() -> NativeArray.allocate(DType.U8, ARGUMENT_STRUCTS * ARGUMENT_BYTES));

  private final String operation;
  private final List<NativeArray> arrays = new ArrayList<>();
  private Device device;
  private String deviceFrom;
  private Scratch scratch;
  private int statsCount;
  private int argumentStructs;

  Call(String operation) {
    NativeLibrary.load();
    this.operation = operation;
  }

  /** Returns memory for the next argument struct of this call; a thread makes one call at a time. */
  Pointer argumentMemory() {
    return ARGUMENTS.get().slice((long) argumentStructs++ * ARGUMENT_BYTES, ARGUMENT_BYTES).pointer();
  }

  /** Fails with the name of the operation in front. */
  void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(operation + ": " + message);
    }
  }

  FloatPointer floats(String name, NativeArray array, long length) {
    return new FloatPointer(required(name, array, DType.F32, length));
  }

  FloatPointer floatsOrNull(String name, NativeArray array, long length) {
    return array == null ? null : floats(name, array, length);
  }

  IntPointer ints(String name, NativeArray array, long length) {
    return new IntPointer(required(name, array, DType.I32, length));
  }

  IntPointer intsOrNull(String name, NativeArray array, long length) {
    return array == null ? null : ints(name, array, length);
  }

  LongPointer longs(String name, NativeArray array, long length) {
    return new LongPointer(required(name, array, DType.I64, length));
  }

  BytePointer bytes(String name, NativeArray array, long length) {
    return new BytePointer(required(name, array, DType.U8, length));
  }

  BytePointer bytesOrNull(String name, NativeArray array, long length) {
    return array == null ? null : bytes(name, array, length);
  }

  /** An array that is reused for calls of several sizes, and may be longer than this one needs. */
  FloatPointer atLeastFloatsOrNull(String name, NativeArray array, long length) {
    return array == null ? null : new FloatPointer(atLeast(name, array, DType.F32, length));
  }

  DoublePointer atLeastDoublesOrNull(String name, NativeArray array, long length) {
    return array == null ? null : new DoublePointer(atLeast(name, array, DType.F64, length));
  }

  IntPointer atLeastInts(String name, NativeArray array, long length) {
    return new IntPointer(atLeast(name, array, DType.I32, length));
  }

  /** The mask, for an operation that takes no list of rows. */
  BytePointer mask(TokenLayout layout) {
    require(layout.rows() == null, "the layout has rows, which this operation does not take; give a mask");
    return bytesOrNull("mask", layout.mask(), layout.tokens());
  }

  IntPointer cuSeqlens(TokenLayout layout) {
    return intsOrNull("cuSeqlens", layout.cuSeqlens(), layout.sequences() + 1);
  }

  /** Checks logits of {@code rows} tokens. */
  Pointer logits(Logits logits, long rows) {
    require(logits != null, "logits are null");
    return rows("logits", logits.data(), logits.data().dtype(), rows, logits.vocabSize(), logits.stride());
  }

  /** Checks the gradient of logits; its rows lie as {@link #gradStride} says. */
  Pointer gradLogits(NativeArray gradient, Logits logits, long rows) {
    if (gradient == null) {
      return null;
    }
    return rows("gradLogits", gradient, logits.data().dtype(), rows, logits.vocabSize(),
        gradStride(gradient, logits));
  }

  /** In place the gradient has the stride of the logits, else its rows are contiguous. */
  static long gradStride(NativeArray gradient, Logits logits) {
    boolean inPlace = gradient != null && gradient.address() == logits.data().address();
    return inPlace ? logits.stride() : logits.vocabSize();
  }

  static int dtypeCode(DType dtype) {
    return switch (dtype) {
      case F32 -> Tppo.TPPO_F32;
      case BF16 -> Tppo.TPPO_BF16;
      case F16 -> Tppo.TPPO_F16;
      default -> throw new IllegalArgumentException("no kernel takes logits of " + dtype);
    };
  }

  /**
   * Room for statistics, to be read with {@link #stats()} after {@link #run}, those of several structs one after
   * another; arrays come first, they fix the device.
   */
  DoublePointer stats(int count) {
    if (scratch == null) {
      scratch = Scratch.of(device());
    }
    DoublePointer room = scratch.stats();
    DoublePointer free = statsCount == 0 ? room : room.getPointer(statsCount);
    statsCount += count;
    return free;
  }

  /** Puts a number where the operation reads it: in memory of the device. */
  DoublePointer scalar(double value) {
    scratch = Scratch.of(device());
    return scratch.scalar(value);
  }

  /** Asks for the workspace and runs the operation to its end. */
  void run(SizeQuery size, Launch launch) {
    if (scratch == null) {
      scratch = Scratch.of(device());
    }
    int ordinal = ordinal(device());
    try {
      long[] bytes = new long[1];
      Status.check(size.bytes(ordinal, bytes));
      Status.check(launch.run(ordinal, scratch.workspace(bytes[0]), bytes[0]));
      scratch.finish(statsCount);
    } finally {
      scratch.release();
      Reference.reachabilityFence(arrays);
    }
  }

  /** Returns the statistics that the operation wrote. */
  double[] stats() {
    return scratch.values();
  }

  /** Returns the device of the arrays, the CPU when there are none. */
  Device device() {
    return device == null ? Device.CPU : device;
  }

  /** Device number in the C API. */
  static int ordinal(Device device) {
    return device.isCuda() ? device.index() : -1;
  }

  Pointer rows(String name, NativeArray array, DType dtype, long rows, long columns, long stride) {
    require(array.dtype() == dtype, name + " must be " + dtype + ", is " + array);
    long most = Checks.product(rows, stride);
    long needed = most == Long.MAX_VALUE ? most : Math.max(0, most - stride + columns);
    require(array.length() >= needed && array.length() <= most,
        name + " must hold " + rows + " rows of " + columns + " at stride " + stride + ", is " + array);
    return admit(name, array);
  }

  private Pointer atLeast(String name, NativeArray array, DType dtype, long length) {
    require(array.dtype() == dtype, name + " must be " + dtype + ", is " + array);
    require(array.length() >= length, name + " must have at least " + length + " elements, is " + array);
    return admit(name, array);
  }

  private Pointer required(String name, NativeArray array, DType dtype, long length) {
    require(array != null, name + " is null");
    require(array.dtype() == dtype, name + " must be " + dtype + ", is " + array);
    require(array.length() == length, name + " must have " + length + " elements, is " + array);
    return admit(name, array);
  }

  private Pointer admit(String name, NativeArray array) {
    if (device == null) {
      device = array.device();
      deviceFrom = name;
    }
    require(device.equals(array.device()),
        name + " is on " + array.device() + " but " + deviceFrom + " is on " + device);
    if (array.isFreed()) {
      throw new IllegalStateException(operation + ": " + name + " is " + array + ", whose memory has been freed");
    }
    arrays.add(array);
    return array.pointer();
  }
}
