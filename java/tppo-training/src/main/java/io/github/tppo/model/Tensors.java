// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Device;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.run.Check;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.presets.openblas;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Small helpers between Java arrays and libtorch tensors on the CPU. All shapes are row-major. Thread safe; a tensor may be read by several
 * threads at once as long as none writes it and the scope that frees it stays open.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class Tensors {

  /** Far beyond any memory, and with the bytes of an element within 64 bits. */
  private static final long MOST_BYTES = 1L << 50;
  private static final int MOST_ELEMENTS = Integer.MAX_VALUE - 8;
  private static final List<ScalarType> DTYPES = List.of(ScalarType.Float, ScalarType.Double, ScalarType.BFloat16, ScalarType.Half,
      ScalarType.Int, ScalarType.Long, ScalarType.Byte, ScalarType.Bool);

  private Tensors() {
  }

  static {
    // Small models run side by side on Workers; threads inside their operations would cost more than they give. Not by setThreads: its lock is
    // held by threads that wait for this class.
    torch.set_num_threads(1);
    setBlasThreads(1);
  }

  /**
   * Sets the number of threads that libtorch and its BLAS use inside an operation, for this thread and those that have not used
   * libtorch yet. The default is 1, see {@link Workers}; more help when single operations take milliseconds and
   * the processors are otherwise idle.
   *
   * @param threads 1 to 1024
   */
  public static void setThreads(int threads) {
    Check.range("threads", threads, 1, Workers.MOST_THREADS);
    torch.set_num_threads(threads);
    Workers.setBlasThreads(threads);
  }

  /** Returns the number of threads that libtorch uses inside an operation of this thread. */
  public static int threads() {
    return torch.get_num_threads();
  }

  /** Sets the threads of BLAS calls in the whole process and returns the number before. */
  static int setBlasThreads(int threads) {
    try (Scope scope = Scope.open()) {
      int before = openblas.blas_get_num_threads();
      openblas.blas_set_num_threads(threads);
      return before;
    }
  }

  /** Copies floats into a new f32 tensor. */
  public static Tensor of(float[] values, long... shape) {
    try (Scope scope = Scope.open()) {
      Tensor tensor = allocate(ScalarType.Float, values.length, shape);
      if (values.length > 0) {
        tensor.data_ptr_float().put(values, 0, values.length);
      }
      return scope.keep(tensor);
    }
  }

  /** Copies doubles into a new f64 tensor. */
  public static Tensor of(double[] values, long... shape) {
    try (Scope scope = Scope.open()) {
      Tensor tensor = allocate(ScalarType.Double, values.length, shape);
      if (values.length > 0) {
        tensor.data_ptr_double().put(values, 0, values.length);
      }
      return scope.keep(tensor);
    }
  }

  /** Copies ints into a new i32 tensor; for token ids see {@link #ids}. */
  public static Tensor of(int[] values, long... shape) {
    try (Scope scope = Scope.open()) {
      Tensor tensor = allocate(ScalarType.Int, values.length, shape);
      if (values.length > 0) {
        tensor.data_ptr_int().put(values, 0, values.length);
      }
      return scope.keep(tensor);
    }
  }

  /** Copies longs into a new i64 tensor. */
  public static Tensor of(long[] values, long... shape) {
    try (Scope scope = Scope.open()) {
      Tensor tensor = allocate(ScalarType.Long, values.length, shape);
      if (values.length > 0) {
        tensor.data_ptr_long().put(values, 0, values.length);
      }
      return scope.keep(tensor);
    }
  }

  /** Copies bytes into a new u8 tensor, the dtype of masks. */
  public static Tensor of(byte[] values, long... shape) {
    try (Scope scope = Scope.open()) {
      Tensor tensor = allocate(ScalarType.Byte, values.length, shape);
      if (values.length > 0) {
        tensor.data_ptr_byte().put(values, 0, values.length);
      }
      return scope.keep(tensor);
    }
  }

  /** Copies token ids into a new i64 tensor, the dtype that the models take. */
  public static Tensor ids(int[] values, long... shape) {
    long[] wide = new long[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return of(wide, shape);
  }

  /**
   * Makes an uninitialised CPU tensor.
   *
   * @throws OutOfMemoryError the memory is not there
   */
  public static Tensor empty(ScalarType dtype, long... shape) {
    return make(dtype, shape, options -> torch.empty(shape, options, new MemoryFormatOptional()));
  }

  /**
   * Makes a CPU tensor of zeros.
   *
   * @throws OutOfMemoryError the memory is not there
   */
  public static Tensor zeros(ScalarType dtype, long... shape) {
    return make(dtype, shape, options -> torch.zeros(shape, options));
  }

  private static Tensor make(ScalarType dtype, long[] shape, Function<TensorOptions, Tensor> make) {
    elements(shape);
    try (Scope scope = Scope.open()) {
      TensorOptions options = options(dtype);
      try {
        return scope.keep(make.apply(options));
      } catch (RuntimeException e) {
        // What can be wrong is checked; what is left is memory.
        OutOfMemoryError error = new OutOfMemoryError(dtype.intern() + " " + Arrays.toString(shape) + " cannot be allocated");
        error.initCause(e);
        throw error;
      }
    }
  }

  /**
   * Views the memory of a tensor for the kernels. The tensor must outlive the view.
   *
   * @throws IllegalArgumentException when it is not contiguous or its dtype is not one that kernels take
   */
  public static NativeArray view(Tensor tensor) {
    TensorArguments.require("tensor", tensor);
    if (!tensor.is_contiguous()) {
      throw new IllegalArgumentException("tensor of shape " + Arrays.toString(shape(tensor))
          + " is not contiguous; call contiguous() first");
    }
    DType dtype = switch (tensor.scalar_type().intern()) {
      case Float -> DType.F32;
      case Double -> DType.F64;
      case BFloat16 -> DType.BF16;
      case Half -> DType.F16;
      case Int -> DType.I32;
      case Long -> DType.I64;
      case Byte -> DType.U8;
      default -> throw new IllegalArgumentException("kernels take no tensors of " + tensor.scalar_type().intern());
    };
    try (Scope scope = Scope.open()) {
      Device device = tensor.is_cuda() ? Device.cuda(tensor.device().index()) : Device.CPU;
      Pointer data = tensor.data_ptr(); // null when there is no element
      return NativeArray.of(data == null ? new BytePointer() : data, tensor.numel(), dtype, device);
    }
  }

  /** Returns the sizes of all dimensions. */
  public static long[] shape(Tensor tensor) {
    TensorArguments.require("tensor", tensor);
    long[] shape = new long[(int) tensor.dim()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = tensor.size(i);
    }
    return shape;
  }

  /** Copies all elements out as floats, whatever the dtype and strides. */
  public static float[] toFloats(Tensor tensor) {
    requireReal(tensor);
    float[] values = new float[Math.toIntExact(tensor.numel())];
    try (Scope scope = Scope.noGrad()) {
      read(tensor.detach().to(ScalarType.Float).contiguous(), values);
    }
    return values;
  }

  /** Copies all elements out as doubles, whatever the dtype and strides. */
  public static double[] toDoubles(Tensor tensor) {
    requireReal(tensor);
    double[] values = new double[Math.toIntExact(tensor.numel())];
    try (Scope scope = Scope.noGrad()) {
      if (values.length > 0) {
        tensor.detach().to(ScalarType.Double).contiguous().data_ptr_double().get(values, 0, values.length);
      }
    }
    return values;
  }

  /** Copies all elements out as longs, whatever the dtype and strides. */
  public static long[] toLongs(Tensor tensor) {
    requireReal(tensor);
    long[] values = new long[Math.toIntExact(tensor.numel())];
    try (Scope scope = Scope.noGrad()) {
      if (values.length > 0) {
        tensor.detach().to(ScalarType.Long).contiguous().data_ptr_long().get(values, 0, values.length);
      }
    }
    return values;
  }

  /**
   * Copies a contiguous f32 tensor into the front of an array that the caller reuses.
   *
   * @throws IllegalArgumentException when the dtype or layout is another or the array too short
   */
  public static void read(Tensor tensor, float[] into) {
    TensorArguments.require("tensor", tensor);
    Objects.requireNonNull(into, "into");
    long count = tensor.numel();
    if (tensor.scalar_type().intern() != ScalarType.Float || !tensor.is_contiguous() || tensor.is_cuda()) {
      throw new IllegalArgumentException("need a contiguous f32 tensor on the CPU");
    }
    if (count > into.length) {
      throw new IllegalArgumentException("tensor has " + count + " elements, the array holds " + into.length);
    }
    try (Scope scope = Scope.open()) {
      if (count > 0) {
        tensor.data_ptr_float().get(into, 0, (int) count);
      }
    }
  }

  private static void requireReal(Tensor tensor) {
    TensorArguments.require("tensor", tensor);
    if (tensor.is_complex() || tensor.is_quantized()) {
      throw new IllegalArgumentException("tensor must be of numbers or truth values, is " + tensor.scalar_type().intern());
    }
    if (tensor.numel() > MOST_ELEMENTS) {
      throw new IllegalArgumentException("tensor has " + tensor.numel() + " elements, more than a Java array can hold");
    }
  }

  /** The number of elements of a shape, and that they can be addressed: libtorch counts in 64 bits and says so only in a debug build. */
  private static long elements(long[] shape) {
    Objects.requireNonNull(shape, "shape");
    long count = 1;
    boolean none = false;
    for (long size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException("negative size " + size + " in shape "
            + Arrays.toString(shape));
      }
      none |= size == 0;
      if (size > 0 && count > MOST_BYTES / size) {
        throw new IllegalArgumentException("shape " + Arrays.toString(shape) + " is more than any memory");
      }
      count *= Math.max(1, size);
    }
    return none ? 0 : count;
  }

  private static TensorOptions options(ScalarType dtype) {
    Objects.requireNonNull(dtype, "dtype");
    if (!DTYPES.contains(dtype.intern())) {
      throw new IllegalArgumentException("dtype must be one of " + DTYPES + ", is " + dtype.intern());
    }
    return new TensorOptions(dtype);
  }

  private static Tensor allocate(ScalarType dtype, int length, long[] shape) {
    long count = elements(shape);
    if (count != length) {
      throw new IllegalArgumentException("shape " + Arrays.toString(shape) + " holds " + count + " elements, given are "
          + length);
    }
    return torch.empty(shape, new TensorOptions(dtype), new MemoryFormatOptional());
  }
}
