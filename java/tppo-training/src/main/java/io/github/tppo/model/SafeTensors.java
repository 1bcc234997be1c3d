// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Reads tensors in safetensors form: one file, or a checkpoint folder with {@code model.safetensors} or with shards and
 * {@code model.safetensors.index.json}. Headers are checked whole at {@link #open} (see {@link SafeTensorsHeader}), before any
 * memory is taken; data is read through a mapping of the file, tensor by tensor, or not copied at all ({@link #map}). Nothing in such
 * a file can run code.
 *
 * <p>Immutable and thread safe. A file must not be changed or cut while tensors are read from it or mapped: the system ends a process
 * that touches a page which is no longer there. A file that was cut before that is refused.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class SafeTensors {

  /** Name of the single weights file in a checkpoint folder. */
  public static final String FILE_NAME = "model.safetensors";
  /** Name of the index of a sharded checkpoint. */
  public static final String INDEX_NAME = "model.safetensors.index.json";

  /** Elements copied at a time, which bounds the memory of those that do not lie at a multiple of their size. */
  private static final long CHUNK = 1L << 24;
  /** How the system writes file names, which Java's default charset need not be. */
  private static final Charset FILE_NAMES = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

  /**
   * Where a tensor lies.
   *
   * @param name its name
   * @param dtype its dtype as stored
   * @param shape its sizes; empty for a scalar
   * @param file the file that holds it
   * @param offset of the first byte, from the start of the file
   * @param bytes its length
   */
  public record Entry(String name, ScalarType dtype, long[] shape, Path file, long offset, long bytes) {

    /** Returns a copy of the sizes. */
    @Override
    public long[] shape() {
      return shape.clone();
    }
  }

  private final Path source;
  private final Map<String, Entry> entries;
  private final Map<String, String> metadata;

  SafeTensors(Path source, Map<String, Entry> entries, Map<String, String> metadata) {
    this.source = source;
    this.entries = Collections.unmodifiableMap(entries);
    this.metadata = Collections.unmodifiableMap(metadata);
  }

  /**
   * Opens a safetensors file or a checkpoint folder and checks its headers.
   *
   * @throws IOException when a file is missing, cannot be read or is malformed; the message names file, tensor and reason
   */
  public static SafeTensors open(Path fileOrFolder) throws IOException {
    Objects.requireNonNull(fileOrFolder, "fileOrFolder");
    if (!Files.isDirectory(fileOrFolder)) {
      return SafeTensorsHeader.read(fileOrFolder);
    }
    Path single = fileOrFolder.resolve(FILE_NAME);
    Path index = fileOrFolder.resolve(INDEX_NAME);
    if (Files.isRegularFile(single)) {
      return SafeTensorsHeader.read(single);
    }
    if (Files.isRegularFile(index)) {
      return SafeTensorsIndex.read(index);
    }
    throw new IOException(fileOrFolder + ": holds neither " + FILE_NAME + " nor " + INDEX_NAME);
  }

  /** Returns the file or index that was opened. */
  public Path source() {
    return source;
  }

  /** Returns the names of all tensors, in the order of the file. */
  public Set<String> names() {
    return entries.keySet();
  }

  /** Returns the {@code __metadata__} of the file. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /** Whether these tensors are all stored in the same dtype. */
  boolean haveOneType(Set<String> names) {
    return names.stream().map(name -> entry(name).dtype().intern()).distinct().count() <= 1;
  }

  Map<String, Entry> entries() {
    return entries;
  }

  /**
   * Returns where a tensor lies.
   *
   * @throws IllegalArgumentException when there is none of this name
   */
  public Entry entry(String name) {
    Objects.requireNonNull(name, "name");
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new IllegalArgumentException(source + ": has no tensor \"" + name + "\"");
    }
    return entry;
  }

  /** Reads a tensor into new memory, in the dtype in which it is stored. */
  public Tensor read(String name) throws IOException {
    return read(name, entry(name).dtype());
  }

  /** Reads a tensor into new memory, converted to {@code dtype}. */
  public Tensor read(String name, ScalarType dtype) throws IOException {
    Entry entry = entry(name);
    try (Scope scope = Scope.noGrad()) {
      Tensor tensor = Tensors.empty(dtype, entry.shape());
      fill(entry, tensor);
      return scope.keep(tensor);
    }
  }

  /** Reads a tensor into memory that is there already, contiguous and of the same shape; the dtype may be another. */
  public void readInto(String name, Tensor target) throws IOException {
    Entry entry = entry(name);
    TensorArguments.require("target", target);
    if (!Arrays.equals(entry.shape, Tensors.shape(target)) || !target.is_contiguous()) {
      throw new IllegalArgumentException(source + ": tensor \"" + name + "\" has shape " + Arrays.toString(entry.shape)
          + ", the target is not a contiguous tensor of this shape");
    }
    try (Scope scope = Scope.noGrad()) {
      fill(entry, target);
    }
  }

  /**
   * Maps tensors into memory without copying them: views of the files in the dtype in which they are stored, which take memory
   * page by page as they are first read, and give it back when the system needs it. A tensor that does not lie at a multiple of its
   * element size (no known writer does that) is copied. Writing to a tensor changes neither the file nor other mappings of it.
   *
   * @return in the order of {@code names}; a file stays mapped until the last of its tensors is closed
   */
  public Map<String, Tensor> map(Collection<String> names) throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      Map<Path, Tensor> files = new HashMap<>();
      for (String name : names) {
        Entry entry = entry(name);
        if (!files.containsKey(entry.file)) {
          files.put(entry.file, mapFile(entry.file));
        }
        checkWhole(entry, files.get(entry.file));
        tensors.put(name, view(entry, files.get(entry.file), 0, elements(entry)).view(entry.shape));
      }
      tensors.values().forEach(scope::keep);
    }
    return tensors;
  }

  private static void fill(Entry entry, Tensor target) throws IOException {
    if (entry.bytes == 0) {
      return;
    }
    Tensor flat = target.detach().view(-1);
    try (Scope scope = Scope.noGrad()) {
      Tensor file = mapFile(entry.file);
      checkWhole(entry, file);
      long elements = elements(entry);
      for (long done = 0; done < elements; done += CHUNK) {
        long count = Math.min(CHUNK, elements - done);
        try (Scope chunk = Scope.open()) {
          flat.narrow(0, done, count).copy_(view(entry, file, done, count));
        }
      }
    }
  }

  /** The whole file as bytes. libtorch maps it: Java's mappings end at 2 GiB and are freed by the garbage collector. */
  private static Tensor mapFile(Path file) throws IOException {
    if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
      throw new UnsupportedOperationException("safetensors files are little-endian, this machine is not");
    }
    try {
      byte[] name = file.toString().getBytes(FILE_NAMES);
      return torch.from_file(new BytePointer(Arrays.copyOf(name, name.length + 1)), new BoolOptional(false),
          new LongOptional(Files.size(file)), new TensorOptions(ScalarType.Byte));
    } catch (RuntimeException e) {
      throw new IOException(file + ": cannot be mapped into memory: " + e.getMessage(), e);
    }
  }

  private static void checkWhole(Entry entry, Tensor file) throws IOException {
    if (file.numel() < entry.offset + entry.bytes) {
      throw new IOException(entry.file + ": was cut after it was opened; tensor \"" + entry.name + "\" is incomplete");
    }
  }

  private static long elements(Entry entry) {
    return entry.bytes / SafeTensorsHeader.bytesOf(entry.dtype);
  }

  private static Tensor view(Entry entry, Tensor file, long from, long count) {
    if (count == 0) {
      return Tensors.empty(entry.dtype, 0);
    }
    long size = SafeTensorsHeader.bytesOf(entry.dtype);
    Tensor bytes = file.narrow(0, entry.offset + from * size, count * size);
    return (entry.offset % size == 0 ? bytes : bytes.clone()).view(entry.dtype);
  }
}
