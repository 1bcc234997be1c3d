// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.kernels.CudaMemory;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Device;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.model.SafeTensors;
import io.github.tppo.verify.VerifyReport.Quantity;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * One file of reference vectors: gives inputs on the device of the kernels, makes room for outputs, and keeps account of
 * which tensors were inputs and which were compared. Not thread safe.
 */
final class VectorFile implements AutoCloseable {

  private final Path path;
  private final Device device;
  private final Map<String, NativeArray> tensors = new LinkedHashMap<>();
  private final Map<String, long[]> shapes = new LinkedHashMap<>();
  private final Set<String> inputs = new TreeSet<>();
  private final Map<String, Quantity> compared = new LinkedHashMap<>();
  private final Map<NativeArray, CudaMemory> memories = new IdentityHashMap<>();

  private VectorFile(Path path, Device device) {
    this.path = path;
    this.device = device;
  }

  /** Reads a file whole. */
  static VectorFile open(Path path, Device device) throws IOException {
    SafeTensors header = SafeTensors.open(path);
    VectorFile file = new VectorFile(path, device);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      for (String name : header.names()) {
        SafeTensors.Entry entry = header.entry(name);
        DType dtype = dtype(entry);
        NativeArray array = NativeArray.allocate(dtype, entry.bytes() / dtype.bytes());
        readFully(channel, array.buffer(), entry.offset(), path);
        file.tensors.put(name, array);
        file.shapes.put(name, entry.shape());
      }
    }
    return file;
  }

  private static DType dtype(SafeTensors.Entry entry) throws IOException {
    return switch (entry.dtype()) {
      case Float -> DType.F32;
      case Double -> DType.F64;
      case BFloat16 -> DType.BF16;
      case Half -> DType.F16;
      case Int -> DType.I32;
      case Long -> DType.I64;
      case Byte -> DType.U8;
      default -> throw new IOException(
          entry.file() + ": tensor \"" + entry.name() + "\" has type " + entry.dtype() + ", which no kernel reads");
    };
  }

  private static void readFully(FileChannel channel, ByteBuffer target, long offset, Path path) throws IOException {
    while (target.hasRemaining()) {
      if (channel.read(target, offset + target.position()) < 0) {
        throw new EOFException(path + ": ends early");
      }
    }
  }

  boolean has(String name) {
    return tensors.containsKey(name);
  }

  Set<String> names() {
    return tensors.keySet();
  }

  long[] shape(String name) {
    tensor(name);
    return shapes.get(name).clone();
  }

  /** Declares tensors that are not expected values although no kernel reads them. */
  void markInputs(String... names) {
    inputs.addAll(List.of(names));
  }

  /** An input on the device of the kernels; a new copy each time, so that it may be overwritten. */
  NativeArray input(String name) {
    NativeArray source = tensor(name);
    inputs.add(name);
    if (device.isCuda()) {
      return keep(CudaMemory.copyOf(source, device));
    }
    NativeArray copy = NativeArray.allocate(source.dtype(), source.length());
    copy.buffer().put(source.buffer());
    return copy;
  }

  /** An input as numbers. */
  double[] inputValues(String name) {
    inputs.add(name);
    return values(name);
  }

  /** An input of one element. */
  double inputScalar(String name) {
    return inputValues(name)[0];
  }

  /** New memory on the device of the kernels. */
  NativeArray output(DType dtype, long length) {
    return device.isCuda() ? keep(CudaMemory.allocate(device, dtype, length)) : NativeArray.allocate(dtype, length);
  }

  /** Puts numbers made here on the device of the kernels. */
  NativeArray upload(NativeArray source) {
    return device.isCuda() ? keep(CudaMemory.copyOf(source, device)) : source;
  }

  private NativeArray keep(CudaMemory memory) {
    memories.put(memory.array(), memory);
    return memory.array();
  }

  /** The elements of an array that came from {@link #input}, {@link #output} or {@link #upload}, widened. */
  double[] read(NativeArray array) {
    CudaMemory memory = memories.get(array);
    if (memory == null) {
      return widen(array);
    }
    NativeArray host = NativeArray.allocate(array.dtype(), array.length());
    memory.download(host);
    return widen(host);
  }

  /** Compares a tensor of float32 results. */
  void compare(String name, NativeArray actual) {
    compare(name, read(actual));
  }

  /** Compares a tensor of float32 results, or a scalar when it has one element. */
  void compare(String name, double... actual) {
    double[] expected = values(name);
    DType dtype = tensor(name).dtype();
    boolean whole = dtype == DType.I32 || dtype == DType.I64 || dtype == DType.U8;
    put(Comparison.of(name, expected, actual, whole ? Comparison.Tolerance.EXACT
        : expected.length == 1 ? Comparison.Tolerance.SCALAR : Comparison.Tolerance.FLOAT32));
  }

  /** Compares a tensor of bfloat16 results. */
  void compareBf16(String name, NativeArray actual) {
    put(Comparison.of(name, values(name), read(actual), Comparison.Tolerance.BF16));
  }

  private void put(Quantity quantity) {
    compared.put(quantity.name(), quantity);
  }

  /**
   * One quantity for every tensor that is not an input, in the order of the file.
   *
   * @param reason what to say of a tensor that was not compared
   */
  List<Quantity> quantities(String reason) {
    List<Quantity> all = new ArrayList<>();
    for (String name : tensors.keySet()) {
      Quantity quantity = compared.get(name);
      if (quantity != null) {
        all.add(quantity);
      } else if (!inputs.contains(name)) {
        all.add(new Quantity(name, 0, 0, 0, false, reason));
      }
    }
    return all;
  }

  private double[] values(String name) {
    return widen(tensor(name));
  }

  private NativeArray tensor(String name) {
    NativeArray array = tensors.get(name);
    if (array == null) {
      throw new IllegalArgumentException(path + ": has no tensor \"" + name + "\"");
    }
    return array;
  }

  private static double[] widen(NativeArray array) {
    ByteBuffer bytes = array.buffer().order(ByteOrder.LITTLE_ENDIAN);
    double[] out = new double[Math.toIntExact(array.length())];
    switch (array.dtype()) {
      case F64 -> Arrays.setAll(out, i -> bytes.getDouble());
      case I64 -> Arrays.setAll(out, i -> bytes.getLong());
      case I32 -> Arrays.setAll(out, i -> bytes.getInt());
      case U8 -> Arrays.setAll(out, i -> bytes.get() & 0xff);
      case F32, BF16, F16 -> {
        float[] floats = array.toFloats();
        Arrays.setAll(out, i -> floats[i]);
      }
    }
    return out;
  }

  @Override
  public void close() {
    memories.values().forEach(CudaMemory::close);
  }
}
