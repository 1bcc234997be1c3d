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
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;

/** Writes safetensors files as Hugging Face's libraries read them. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class SafeTensorsWriter {

    private static final int CHUNK = 1 << 20;

    private SafeTensorsWriter() {
    }

    /** Writes tensors with the metadata {@code format: pt} that transformers asks for. */
    public static void write(Path file, Map<String, Tensor> tensors) throws IOException {
        write(file, tensors, Map.of("format", "pt"));
    }

    /**
     * Writes tensors in the order of the map, each in its own dtype. The file appears whole or not at all: it is written
     * aside, synced and renamed.
     *
     * @param tensors F32, F64, BF16, F16, I64, I32 or U8, on any device, of any strides
     */
    public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException {
        byte[] header = header(tensors, metadata);
        AtomicFiles.write(file, out -> {
            out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
            out.write(header);
            for (Tensor tensor : tensors.values()) {
                writeData(out, tensor);
            }
        });
    }

    private static byte[] header(Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException {
        ObjectNode root = SafeTensorsHeader.JSON.createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode node = root.putObject("__metadata__");
            new LinkedHashMap<>(metadata).forEach(node::put);
        }
        long offset = 0;
        for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
            Tensor tensor = entry.getValue();
            long bytes = tensor.numel() * SafeTensorsHeader.bytesOf(tensor.scalar_type());
            ObjectNode node = root.putObject(entry.getKey());
            node.put("dtype", SafeTensorsHeader.nameOf(tensor.scalar_type()));
            ArrayNode shape = node.putArray("shape");
            for (long size : Tensors.shape(tensor)) {
                shape.add(size);
            }
            node.putArray("data_offsets").add(offset).add(offset + bytes);
            offset += bytes;
        }
        byte[] json = SafeTensorsHeader.JSON.writeValueAsBytes(root);
        // readers map the data in place, so it starts at a multiple of the largest element size
        byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        return padded;
    }

    private static void writeData(OutputStream out, Tensor tensor) throws IOException {
        if (tensor.numel() == 0) {
            return;
        }
        if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
            throw new UnsupportedOperationException("safetensors files are little-endian, this machine is not");
        }
        try (Scope scope = Scope.noGrad()) {
            Tensor dense = tensor.detach().cpu().contiguous();
            long bytes = dense.numel() * SafeTensorsHeader.bytesOf(dense.scalar_type());
            Pointer data = dense.data_ptr();
            byte[] chunk = new byte[(int) Math.min(CHUNK, bytes)];
            BytePointer source = new BytePointer(data).capacity(bytes);
            for (long done = 0; done < bytes; done += CHUNK) {
                int length = (int) Math.min(CHUNK, bytes - done);
                source.position(done).get(chunk, 0, length);
                out.write(chunk, 0, length);
            }
        }
    }
}
