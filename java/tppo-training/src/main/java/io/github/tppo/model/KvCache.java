// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Keys and values of a batch that is being generated, allocated once for the longest sequence. Prompts are padded on the left, so all
 * sequences write to the same slot and a sliding window is a range of slots. Sequences that are done leave with {@link #select};
 * the rows that stay move up in place.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class KvCache implements AutoCloseable {

    private final Tensor[] keys;
    private final Tensor[] values;
    /** Added to attention scores: 0 at real slots, -inf at padding; [rows, 1, 1, capacity]. */
    private final Tensor bias;
    private final int capacity;
    private int rows;
    private int length;

    /**
     * Allocates a cache.
     *
     * @param rows sequences in the batch
     * @param capacity slots for each: padded prompt and new tokens
     */
    public KvCache(DecoderConfig config, int rows, int capacity) {
        this.rows = rows;
        this.capacity = capacity;
        keys = new Tensor[config.layers()];
        values = new Tensor[config.layers()];
        try (Scope scope = Scope.noGrad()) {
            for (int layer = 0; layer < keys.length; layer++) {
                keys[layer] = Scope.own(Tensors.empty(ScalarType.Float, rows, config.kvHeads(), capacity, config.headSize()));
                values[layer] = Scope.own(Tensors.empty(ScalarType.Float, rows, config.kvHeads(), capacity, config.headSize()));
            }
            bias = Scope.own(Tensors.zeros(ScalarType.Float, rows, 1, 1, capacity));
        }
    }

    /** Returns the number of slots filled. */
    public int length() {
        return length;
    }

    /** Returns the number of sequences. */
    public int rows() {
        return rows;
    }

    /** Marks the first slots as filled by prompts; {@code promptBias} is [rows, 1, 1, P]. */
    void startWith(Tensor promptBias) {
        length = (int) promptBias.size(3);
        bias.narrow(3, 0, length).copy_(promptBias);
    }

    /** Takes one more slot. */
    void advance() {
        if (length == capacity) {
            throw new IllegalStateException("cache of " + capacity + " slots is full");
        }
        length++;
    }

    /** Stores keys and values [rows, kvHeads, n, d] of a layer in the slots from {@code slot}. */
    void put(int layer, int slot, Tensor key, Tensor value) {
        live(keys[layer], slot, key.size(2)).copy_(key);
        live(values[layer], slot, value.size(2)).copy_(value);
    }

    /** Keys of a layer from slot {@code from} to the last one filled, [rows, kvHeads, n, d]. */
    Tensor keys(int layer, int from) {
        return live(keys[layer], from, length - from);
    }

    /** Values of a layer, as {@link #keys}. */
    Tensor values(int layer, int from) {
        return live(values[layer], from, length - from);
    }

    /** Score bias of the slots from {@code from} to the last one filled, [rows, 1, 1, n]. */
    Tensor bias(int from) {
        return bias.narrow(0, 0, rows).narrow(3, from, length - from);
    }

    /** Keeps only the given rows, ascending; they become rows 0, 1, .... */
    void select(int[] kept) {
        try (Scope scope = Scope.noGrad()) {
            Tensor index = Tensors.ids(kept, kept.length);
            for (int layer = 0; layer < keys.length; layer++) {
                moveUp(live(keys[layer], 0, length), index);
                moveUp(live(values[layer], 0, length), index);
            }
            moveUp(bias.narrow(0, 0, rows), index);
            rows = kept.length;
        }
    }

    private static void moveUp(Tensor live, Tensor index) {
        try (Scope scope = Scope.open()) {
            live.narrow(0, 0, index.numel()).copy_(live.index_select(0, index));
        }
    }

    private Tensor live(Tensor storage, long from, long count) {
        return storage.narrow(0, 0, rows).narrow(2, from, count);
    }

    @Override
    public void close() {
        for (int layer = 0; layer < keys.length; layer++) {
            keys[layer].close();
            values[layer].close();
        }
        bias.close();
    }
}
