// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.PointerConsumer;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Reads tensors in safetensors form: one file, or a checkpoint folder with {@code model.safetensors} or with shards and
 * {@code model.safetensors.index.json}. Headers are checked whole at {@link #open} (see {@link SafeTensorsHeader}), before any
 * memory is taken; data is mapped and read tensor by tensor. Nothing in such a file can run code.
 *
 * <p>Immutable and thread safe. A file must not be changed or cut while tensors are read from it.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class SafeTensors {

    /** Name of the single weights file in a checkpoint folder. */
    public static final String FILE_NAME = "model.safetensors";
    /** Name of the index of a sharded checkpoint. */
    public static final String INDEX_NAME = "model.safetensors.index.json";

    /** Bytes mapped at a time; a mapping cannot hold more than 2 GiB. A multiple of every element size. */
    private static final long WINDOW = 1L << 30;

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
        if (!Files.isDirectory(fileOrFolder)) {
            return SafeTensorsHeader.read(fileOrFolder);
        }
        Path single = fileOrFolder.resolve(FILE_NAME);
        Path index = fileOrFolder.resolve(INDEX_NAME);
        if (Files.exists(single)) {
            return SafeTensorsHeader.read(single);
        }
        if (Files.exists(index)) {
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

    Map<String, Entry> entries() {
        return entries;
    }

    /**
     * Returns where a tensor lies.
     *
     * @throws IllegalArgumentException when there is none of this name
     */
    public Entry entry(String name) {
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
        if (!Arrays.equals(entry.shape, Tensors.shape(target)) || !target.is_contiguous()) {
            throw new IllegalArgumentException(source + ": tensor \"" + name + "\" has shape " + Arrays.toString(entry.shape)
                    + ", the target is not a contiguous tensor of this shape");
        }
        try (Scope scope = Scope.noGrad()) {
            fill(entry, target);
        }
    }

    private static void fill(Entry entry, Tensor target) throws IOException {
        if (entry.bytes == 0) {
            return;
        }
        if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
            throw new UnsupportedOperationException("safetensors files are little-endian, this machine is not");
        }
        Tensor flat = target.detach().view(-1);
        long elementSize = SafeTensorsHeader.bytesOf(entry.dtype);
        try (FileChannel channel = FileChannel.open(entry.file, StandardOpenOption.READ)) {
            for (long done = 0; done < entry.bytes; done += WINDOW) {
                long length = Math.min(WINDOW, entry.bytes - done);
                // mapping beyond the end would make reads fault, should the file have shrunk since it was opened
                if (channel.size() < entry.offset + done + length) {
                    throw new IOException(entry.file + ": was cut after it was opened; tensor \"" + entry.name + "\" is incomplete");
                }
                MappedByteBuffer window = channel.map(FileChannel.MapMode.READ_ONLY, entry.offset + done, length);
                long count = length / elementSize;
                try (Scope scope = Scope.open()) {

                    Tensor stored = torch.from_blob(new BytePointer(window), new long[] {count}, (PointerConsumer) null,
                            new TensorOptions(entry.dtype), new DeviceOptional());
                    flat.narrow(0, done / elementSize, count).copy_(stored);
                }
            }
        }
    }
}
