// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Writes safetensors files as Hugging Face's libraries read them. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class SafeTensorsWriter {

  /** What transformers asks for. */
  static final Map<String, String> METADATA = Map.of("format", "pt");
  /** Elements converted and written at a time. */
  private static final long CHUNK = 1L << 20;

  /**
   * What a tensor is stored as.
   *
   * @param dtype F32, F64, BF16, F16, I64, I32 or U8
   * @param shape its sizes; empty for a scalar
   */
  record Spec(ScalarType dtype, long[] shape) {

    long elements() {
      return Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }

    long bytes() {
      return Math.multiplyExact(elements(), SafeTensorsHeader.bytesOf(dtype));
    }
  }

  /** Gives the values of tensors, a part at a time, so that a file larger than memory can be written. */
  @FunctionalInterface
  interface Source {

    /**
     * Elements {@code [from, from + count)} of a tensor in row-major order, of any dtype and on any device. Parts are asked for in
     * the order of the file, in a {@link Scope} without gradients.
     */
    Tensor read(String name, long from, long count) throws IOException;

    /** Tensors in memory, of any strides; one that is not contiguous is copied for each part. */
    static Source of(Map<String, Tensor> tensors) {
      return (name, from, count) -> tensors.get(name).detach().reshape(-1).narrow(0, from, count);
    }
  }

  private SafeTensorsWriter() {
  }

  /** Writes tensors with the metadata {@code format: pt} that transformers asks for. */
  public static void write(Path file, Map<String, Tensor> tensors) throws IOException {
    write(file, tensors, METADATA);
  }

  /**
   * Writes tensors in the order of the map, each in its own dtype. The file appears whole or not at all: it is written
   * aside, synced and renamed.
   *
   * @param tensors F32, F64, BF16, F16, I64, I32 or U8, on any device, of any strides
   */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException {
    Objects.requireNonNull(file, "file");
    Objects.requireNonNull(metadata, "metadata").forEach((name, value) -> {
      Objects.requireNonNull(name, "metadata: a name");
      Objects.requireNonNull(value, () -> "metadata: " + name);
    });
    TensorArguments.requireAll("tensors", tensors);
    Map<String, Spec> specs = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> specs.put(name, new Spec(tensor.scalar_type(), Tensors.shape(tensor))));
    write(file, specs, Source.of(tensors), metadata);
  }

  /**
   * Writes tensors in the order of {@code specs}, converted to the dtypes that it names.
   *
   * @throws IOException also when a value is too large for float16
   */
  static void write(Path file, Map<String, Spec> specs, Source source, Map<String, String> metadata) throws IOException {
    if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
      throw new UnsupportedOperationException("safetensors files are little-endian, this machine is not");
    }
    byte[] header = header(specs, metadata);
    AtomicFiles.write(file, out -> {
      out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
      out.write(header);
      byte[] buffer = new byte[(int) CHUNK * 8];
      for (Map.Entry<String, Spec> entry : specs.entrySet()) {
        long elements = entry.getValue().elements();
        for (long done = 0; done < elements; done += CHUNK) {
          try (Scope scope = Scope.noGrad()) {
            Tensor part = source.read(entry.getKey(), done, Math.min(CHUNK, elements - done)).cpu();
            Tensor stored = part.to(entry.getValue().dtype()).contiguous();
            checkRange(file, entry.getKey(), part, stored);
            writeData(out, stored, buffer);
          }
        }
      }
    });
  }

  /** float16 ends at 65504; the other types hold what they are given. */
  private static void checkRange(Path file, String name, Tensor part, Tensor stored) throws IOException {
    boolean narrowed = stored.scalar_type().intern() == ScalarType.Half && part.scalar_type().intern() != ScalarType.Half;
    if (narrowed && !stored.isfinite().equal(part.isfinite())) {
      throw new IOException(file + ": tensor \"" + name + "\" has values beyond 65504, the largest of float16; store it as bfloat16"
          + " or float32");
    }
  }

  private static byte[] header(Map<String, Spec> specs, Map<String, String> metadata) throws IOException {
    ObjectNode root = SafeTensorsHeader.JSON.createObjectNode();
    if (!metadata.isEmpty()) {
      ObjectNode node = root.putObject("__metadata__");
      new LinkedHashMap<>(metadata).forEach(node::put);
    }
    long offset = 0;
    for (Map.Entry<String, Spec> entry : specs.entrySet()) {
      Spec spec = entry.getValue();
      ObjectNode node = root.putObject(entry.getKey());
      node.put("dtype", SafeTensorsHeader.nameOf(spec.dtype()));
      ArrayNode shape = node.putArray("shape");
      for (long size : spec.shape()) {
        shape.add(size);
      }
      node.putArray("data_offsets").add(offset).add(offset + spec.bytes());
      offset += spec.bytes();
    }
    byte[] json = SafeTensorsHeader.JSON.writeValueAsBytes(root);
    // readers map the data in place, so it starts at a multiple of the largest element size
    byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
    Arrays.fill(padded, json.length, padded.length, (byte) ' ');
    return padded;
  }

  private static void writeData(OutputStream out, Tensor part, byte[] buffer) throws IOException {
    int length = Math.toIntExact(part.numel() * SafeTensorsHeader.bytesOf(part.scalar_type()));
    new BytePointer(part.data_ptr()).capacity(length).get(buffer, 0, length);
    out.write(buffer, 0, length);
  }
}
