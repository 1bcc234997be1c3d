// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;
import io.github.tppo.kernels.internal.tppo_decoder_args;
import org.bytedeco.javacpp.FloatPointer;

/**
 * Keys and values of the sequences that a decoder is writing: a number of slots, each with room for one sequence. A
 * slot is free for another sequence as soon as nobody goes on with the one in it; nothing has to be cleared.
 *
 * <p>Owns its memory, which is not Java's: {@link #close} frees it. Not thread safe, but for calls on different slots.
 */
public final class DecoderCache implements AutoCloseable {

  /** Far beyond any memory, and exact in double below. */
  private static final double MOST_BYTES = 0x1p50;

  private final DecoderShape shape;
  private final int slots;
  private final int capacity;
  private final FloatPointer cosines;
  private final FloatPointer sines;
  private FloatPointer memory;

  /**
   * Allocates a cache.
   *
   * @param shape of the decoder
   * @param slots sequences that it can hold at a time, at least 1
   * @param capacity positions of a sequence, at least 1
   * @throws OutOfMemoryError the memory is not there; {@link #bytes} says how much it takes
   */
  public DecoderCache(DecoderShape shape, int slots, int capacity) {
    Checks.require(shape != null, "shape is null");
    Checks.require(slots >= 1, "slots must be at least 1, is " + slots);
    Checks.require(capacity >= 1, "capacity must be at least 1, is " + capacity);
    NativeLibrary.load();
    this.shape = shape;
    this.slots = slots;
    this.capacity = capacity;
    long floats = bytes(shape, slots, capacity) / Float.BYTES;
    int half = shape.headSize() / 2;
    this.memory = owned(floats);
    this.cosines = owned((long) capacity * half);
    this.sines = owned((long) capacity * half);
    double[] frequencies = shape.ropeFrequencies();
    float[] cos = new float[half];
    float[] sin = new float[half];
    for (long position = 0; position < capacity; position++) {
      for (int n = 0; n < half; n++) {
        double angle = position * frequencies[n];
        cos[n] = (float) Math.cos(angle);
        sin[n] = (float) Math.sin(angle);
      }
      cosines.position(position * half).put(cos);
      sines.position(position * half).put(sin);
    }
    cosines.position(0);
    sines.position(0);
  }

  /**
   * Returns the bytes of keys and values that a cache takes.
   *
   * @throws IllegalArgumentException it would be more than any machine has
   */
  public static long bytes(DecoderShape shape, int slots, int capacity) {
    Checks.require(shape != null, "shape is null");
    Checks.require(slots >= 1, "slots must be at least 1, is " + slots);
    Checks.require(capacity >= 1, "capacity must be at least 1, is " + capacity);
    double bytes = 2.0 * Float.BYTES * shape.layers() * shape.kvHeads() * shape.headSize() * capacity * slots;
    Checks.require(bytes < MOST_BYTES, slots + " slots of " + capacity + " positions take " + bytes + " bytes");
    return (long) bytes;
  }

  /** Returns the shape of the decoder that it was made for. */
  public DecoderShape shape() {
    return shape;
  }

  /** Returns the number of slots. */
  public int slots() {
    return slots;
  }

  /** Returns the number of positions of a slot. */
  public int capacity() {
    return capacity;
  }

  /**
   * Copies the beginning of a sequence to another slot, so that several can go on from it.
   *
   * @param from slot of the sequence
   * @param to another slot, whose sequence is given up
   * @param positions how many, from the first one on
   * @throws IllegalStateException the cache is closed
   */
  public void copySlot(int from, int to, int positions) {
    Call call = new Call("copySlot");
    tppo_decoder_args args = new tppo_decoder_args(call.argumentMemory());
    Tppo.tppo_decoder_init(args);
    args.num_layers(shape.layers()).num_kv_heads(shape.kvHeads()).head_size(shape.headSize());
    describe(args);
    Status.check(Tppo.tppo_decoder_copy_slot(args, from, to, positions));
  }

  /** Fills in what a call must know of the cache. */
  void describe(tppo_decoder_args args) {
    if (memory == null) {
      throw new IllegalStateException("the decoder cache is closed");
    }
    args.cache(memory).num_slots(slots).slot_capacity(capacity).rope_cos(cosines).rope_sin(sines);
  }

  /**
   * Frees the memory.
   *
   * @throws IllegalStateException it is closed already
   */
  @Override
  public void close() {
    if (memory == null) {
      throw new IllegalStateException("the decoder cache is closed already");
    }
    memory.deallocate();
    memory = null;
    cosines.deallocate();
    sines.deallocate();
  }

  /** Memory that no open scope of the caller frees. */
  private static FloatPointer owned(long floats) {
    FloatPointer pointer = new FloatPointer(floats);
    pointer.retainReference();
    if (LeakReport.ON) {
      LeakReport.opened(pointer, "decoder cache", floats * Float.BYTES);
    }
    return pointer;
  }
}
