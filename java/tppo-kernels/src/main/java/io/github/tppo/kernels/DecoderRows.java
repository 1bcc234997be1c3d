// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.tppo_decoder_args;
import java.nio.IntBuffer;
import org.bytedeco.javacpp.IntPointer;

/**
 * The rows of a call of {@link Kernels#decoderForward}: each is one token of one sequence. Made once for the largest
 * call and filled anew for each. Rows are added slot by slot, slots ascending, and within a slot at consecutive
 * ascending positions. Not thread safe.
 */
public final class DecoderRows {

  private final int capacity;
  private final NativeArray[] arrays = new NativeArray[4];
  private final IntBuffer tokens;
  private final IntBuffer slots;
  private final IntBuffer positions;
  private final IntBuffer outputs;
  private final IntPointer[] pointers = new IntPointer[4];
  private int size;
  private int outputCount;

  /** Makes an empty list with room for {@code capacity} rows, at least 1. */
  public DecoderRows(int capacity) {
    Checks.require(capacity >= 1, "capacity must be at least 1, is " + capacity);
    NativeLibrary.load();
    this.capacity = capacity;
    IntBuffer[] buffers = new IntBuffer[arrays.length];
    for (int n = 0; n < arrays.length; n++) {
      arrays[n] = NativeArray.allocate(DType.I32, capacity);
      buffers[n] = arrays[n].buffer().asIntBuffer();
      pointers[n] = new IntPointer(arrays[n].pointer());
    }
    tokens = buffers[0];
    slots = buffers[1];
    positions = buffers[2];
    outputs = buffers[3];
  }

  /** Takes all rows out. */
  public void clear() {
    size = 0;
    outputCount = 0;
  }

  /**
   * Adds a row.
   *
   * @param token id in [0, V)
   * @param slot of the sequence in the cache; that of the row before or a larger one
   * @param position in the sequence, from 0; one more than the row before in the same slot
   * @param output whether the logits or the hidden state of this row are wanted
   * @return the row's index among the outputs, -1 if it is none
   * @throws IllegalStateException the list is full
   */
  public int add(int token, int slot, int position, boolean output) {
    if (size == capacity) {
      throw new IllegalStateException("no room for another row, there are " + capacity + "; clear the list");
    }
    if (size > 0) {
      int last = slots.get(size - 1);
      Checks.require(slot >= last, "slot " + slot + " comes after slot " + last + "; slots must ascend");
      Checks.require(slot != last || position == positions.get(size - 1) + 1, "position " + position
          + " comes after " + positions.get(size - 1) + " in slot " + slot + "; positions must be consecutive");
    }
    tokens.put(size, token);
    slots.put(size, slot);
    positions.put(size, position);
    if (output) {
      outputs.put(outputCount++, size);
    }
    size++;
    return output ? outputCount - 1 : -1;
  }

  /** Returns the number of rows. */
  public int size() {
    return size;
  }

  /** Returns the number of rows that are outputs. */
  public int outputs() {
    return outputCount;
  }

  /** Returns the most rows that there can be. */
  public int capacity() {
    return capacity;
  }

  /** Fills in the lists of a call. */
  void describe(tppo_decoder_args args) {
    args.num_rows(size)
        .num_outputs(outputCount)
        .tokens(pointers[0])
        .slots(pointers[1])
        .positions(pointers[2])
        .output_rows(pointers[3]);
  }
}
