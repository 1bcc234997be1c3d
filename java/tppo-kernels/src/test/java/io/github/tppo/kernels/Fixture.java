// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A file of reference inputs and expected values in safetensors form, from the test resources. */
final class Fixture {

  private static final Pattern ENTRY = Pattern.compile(
      "\"([^\"]+)\":\\{\"dtype\":\"(\\w+)\",\"shape\":\\[([0-9,]*)\\],\"data_offsets\":\\[(\\d+),(\\d+)\\]\\}");

  private record Tensor(String dtype, long[] shape, ByteBuffer bytes) {}

  private final Map<String, Tensor> tensors = new TreeMap<>();

  private Fixture(byte[] file) {
    ByteBuffer all = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int headerLength = Math.toIntExact(all.getLong(0));
    String header = new String(file, 8, headerLength, StandardCharsets.UTF_8);
    Matcher entry = ENTRY.matcher(header);
    while (entry.find()) {
      long[] shape = Arrays.stream(entry.group(3).split(",")).mapToLong(Long::parseLong).toArray();
      int from = 8 + headerLength + Integer.parseInt(entry.group(4));
      int to = 8 + headerLength + Integer.parseInt(entry.group(5));
      tensors.put(entry.group(1),
          new Tensor(entry.group(2), shape, all.slice(from, to - from).order(ByteOrder.LITTLE_ENDIAN)));
    }
  }

  /** Opens {@code fixtures/kernels/NAME.safetensors}. */
  static Fixture open(String name) {
    try (InputStream in = Fixture.class.getResourceAsStream("/fixtures/kernels/" + name + ".safetensors")) {
      return new Fixture(in.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Copies an input into new native memory, in its own type. */
  NativeArray array(String name) {
    Tensor tensor = tensor(name);
    DType dtype = DType.valueOf(tensor.dtype());
    NativeArray array = NativeArray.allocate(dtype, tensor.bytes().capacity() / dtype.bytes());
    array.buffer().put(tensor.bytes().duplicate().rewind());
    return array;
  }

  long[] shape(String name) {
    return tensor(name).shape().clone();
  }

  /** The elements of a tensor of any type, widened. */
  double[] values(String name) {
    Tensor tensor = tensor(name);
    ByteBuffer bytes = tensor.bytes();
    int size = DType.valueOf(tensor.dtype()).bytes();
    double[] out = new double[bytes.capacity() / size];
    for (int i = 0; i < out.length; i++) {
      out[i] = switch (tensor.dtype()) {
        case "F64" -> bytes.getDouble(i * size);
        case "F32" -> bytes.getFloat(i * size);
        case "BF16" -> Float.intBitsToFloat(bytes.getShort(i * size) << 16);
        case "I64" -> bytes.getLong(i * size);
        case "I32" -> bytes.getInt(i * size);
        default -> bytes.get(i) & 0xff;
      };
    }
    return out;
  }

  double scalar(String name) {
    return values(name)[0];
  }

  private Tensor tensor(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no tensor " + name + " among " + tensors.keySet());
    }
    return tensor;
  }
}
