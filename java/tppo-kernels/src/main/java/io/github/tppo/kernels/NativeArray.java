// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import java.lang.ref.Cleaner;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * A view of contiguous native memory with its length, element type and device.
 *
 * <p>A bare pointer carries no capacity; this class does, so that every kernel can refuse an array that is too short
 * or of the wrong type before any native code runs. The view does not own the memory, but keeps the buffer or pointer
 * that it was made from reachable. Shapes are not kept: each operation states the order of its elements (row-major).
 *
 * <p>Arrays made with {@link #allocate} or {@link #ofFloats} live in direct buffers, which the garbage collector
 * frees. Instances are immutable; the memory behind them is as thread safe as any buffer.
 */
public final class NativeArray {

  private static final int CACHE_LINE = 64;
  private static final Cleaner CLEANER = Cleaner.create();

  private final Pointer pointer;
  private final long length;
  private final DType dtype;
  private final Device device;
  /** Keeps the memory alive as long as the view. */
  private final Object owner;

  private NativeArray(Pointer pointer, long length, DType dtype, Device device, Object owner) {
    this.pointer = pointer;
    this.length = length;
    this.dtype = dtype;
    this.device = device;
    this.owner = owner;
  }

  /**
   * Views memory that somebody else owns, such as the data of a libtorch tensor.
   *
   * @param pointer first element; must stay allocated while this view is used. Where it is a pointer that frees its
   *     memory itself, a view of freed memory is refused by all that takes it
   * @param length elements, not bytes; no more than the pointer has, where it knows how many
   * @param dtype element type
   * @param device where the memory lies
   */
  public static NativeArray of(Pointer pointer, long length, DType dtype, Device device) {
    require(pointer != null, "pointer is null");
    require(length >= 0, "length is negative: " + length);
    require(dtype != null, "dtype is null");
    require(device != null, "device is null");
    require(!pointer.isNull() || length == 0, "pointer is a null address but length is " + length);
    require(pointer.limit() == 0 || Checks.product(length, dtype.bytes()) <= (pointer.limit() - pointer.position()) * pointer.sizeof(),
        "length is " + length + " elements of " + dtype + ", but the pointer says that it has "
        + (pointer.limit() - pointer.position()) + " of " + pointer.sizeof() + " bytes");
    long address = pointer.address() + pointer.position() * pointer.sizeof();
    checkAlignment(address, dtype);
    return new NativeArray(new Address(address), length, dtype, device, pointer);
  }

  /** Views memory of the CPU; see {@link #of(Pointer, long, DType, Device)}. */
  public static NativeArray of(Pointer pointer, long length, DType dtype) {
    return of(pointer, length, dtype, Device.CPU);
  }

  /** Views the remaining elements of a direct buffer in native byte order as {@link DType#F32}. */
  public static NativeArray of(FloatBuffer buffer) {
    checkBuffer(buffer);
    checkOrder(buffer.order());
    return ofBuffer(buffer, buffer.remaining(), DType.F32);
  }

  /** Views the remaining elements of a direct buffer in native byte order as {@link DType#F64}. */
  public static NativeArray of(DoubleBuffer buffer) {
    checkBuffer(buffer);
    checkOrder(buffer.order());
    return ofBuffer(buffer, buffer.remaining(), DType.F64);
  }

  /** Views the remaining elements of a direct buffer in native byte order as {@link DType#I32}. */
  public static NativeArray of(IntBuffer buffer) {
    checkBuffer(buffer);
    checkOrder(buffer.order());
    return ofBuffer(buffer, buffer.remaining(), DType.I32);
  }

  /** Views the remaining elements of a direct buffer in native byte order as {@link DType#I64}. */
  public static NativeArray of(LongBuffer buffer) {
    checkBuffer(buffer);
    checkOrder(buffer.order());
    return ofBuffer(buffer, buffer.remaining(), DType.I64);
  }

  /**
   * Views the remaining bytes of a direct buffer. The bytes are taken as they lie: in native (little-endian) order,
   * whatever the order set on the buffer.
   *
   * @param buffer direct, its remaining bytes a multiple of the element size and aligned to it
   * @param dtype element type
   */
  public static NativeArray of(ByteBuffer buffer, DType dtype) {
    checkBuffer(buffer);
    require(dtype != null, "dtype is null");
    require(buffer.remaining() % dtype.bytes() == 0,
        buffer.remaining() + " bytes are no whole number of " + dtype + " elements");
    return ofBuffer(buffer, buffer.remaining() / dtype.bytes(), dtype);
  }

  /**
   * Allocates zeroed CPU memory, aligned to 64 bytes and freed by the garbage collector.
   *
   * @param dtype element type
   * @param length elements; at most 2 GiB in all
   */
  public static NativeArray allocate(DType dtype, long length) {
    require(dtype != null, "dtype is null");
    require(length >= 0, "length is negative: " + length);
    long bytes = Checks.product(length, dtype.bytes());
    require(bytes <= Integer.MAX_VALUE - 2 * CACHE_LINE, "length " + length + " is more than a direct buffer can hold of " + dtype);
    // An aligned slice starts up to a line late and ends up to a line early.
    ByteBuffer buffer = ByteBuffer.allocateDirect((int) bytes + 2 * CACHE_LINE).alignedSlice(CACHE_LINE);
    buffer.limit((int) bytes);
    return of(buffer, dtype);
  }

  /** Copies floats into new CPU memory as {@link DType#F32}. */
  public static NativeArray ofFloats(float... values) {
    NativeArray array = allocate(DType.F32, values.length);
    array.buffer().asFloatBuffer().put(values);
    return array;
  }

  /** Copies ints into new CPU memory as {@link DType#I32}. */
  public static NativeArray ofInts(int... values) {
    NativeArray array = allocate(DType.I32, values.length);
    array.buffer().asIntBuffer().put(values);
    return array;
  }

  /** Copies longs into new CPU memory as {@link DType#I64}. */
  public static NativeArray ofLongs(long... values) {
    NativeArray array = allocate(DType.I64, values.length);
    array.buffer().asLongBuffer().put(values);
    return array;
  }

  /** Copies bytes into new CPU memory as {@link DType#U8}. */
  public static NativeArray ofBytes(byte... values) {
    NativeArray array = allocate(DType.U8, values.length);
    array.buffer().put(values);
    return array;
  }

  /** Copies a mask into new CPU memory as {@link DType#U8}: 1 for true, 0 for false. */
  public static NativeArray ofMask(boolean... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) (values[i] ? 1 : 0);
    }
    return ofBytes(bytes);
  }

  /**
   * Views a range of this array.
   *
   * @param offset first element of the range
   * @param count its elements
   */
  public NativeArray slice(long offset, long count) {
    if (offset < 0 || count < 0 || offset > length - count) {
      throw new IndexOutOfBoundsException(
          "range of " + count + " from " + offset + " is outside an array of " + length);
    }
    Address first = new Address(pointer.address() + offset * dtype.bytes());
    return new NativeArray(first, count, dtype, device, owner);
  }

  /** Returns the number of elements. */
  public long length() {
    return length;
  }

  /** Returns the element type. */
  public DType dtype() {
    return dtype;
  }

  /** Returns where the memory lies. */
  public Device device() {
    return device;
  }

  /** Returns the address of the first element. */
  public long address() {
    return pointer.address();
  }

  /**
   * Returns a buffer in native byte order over the same memory, for reading and writing from Java.
   *
   * @throws UnsupportedOperationException when the memory is a CUDA device's
   * @throws IllegalStateException when it has been freed
   */
  public ByteBuffer buffer() {
    if (device.isCuda()) {
      throw new UnsupportedOperationException(
          "memory of " + device + " cannot be read by Java; copy it to the CPU");
    }
    if (isFreed()) {
      throw new IllegalStateException("the memory of " + this + " has been freed");
    }
    long bytes = length * dtype.bytes();
    require(bytes <= Integer.MAX_VALUE, bytes + " bytes are more than a buffer can show; take slices");
    if (bytes == 0) {
      return ByteBuffer.allocateDirect(0).order(ByteOrder.nativeOrder());
    }
    ByteBuffer buffer = new BytePointer(pointer).capacity(bytes).asByteBuffer().order(ByteOrder.nativeOrder());
    // A buffer over foreign memory holds on to nothing, so this does until the buffer is gone.
    CLEANER.register(buffer, new KeepAlive(owner));
    return buffer;
  }

  /** Copies the elements into a new Java array; 16-bit floats are widened. Not for integers or 64-bit types. */
  public float[] toFloats() {
    ByteBuffer bytes = buffer();
    float[] out = new float[Math.toIntExact(length)];
    switch (dtype) {
      case F32 -> bytes.asFloatBuffer().get(out);
      case BF16 -> {
        for (int i = 0; i < out.length; i++) {
          out[i] = Float.intBitsToFloat(bytes.getShort(2 * i) << 16);
        }
      }
      case F16 -> {
        for (int i = 0; i < out.length; i++) {
          out[i] = widenF16(bytes.getShort(2 * i));
        }
      }
      default -> throw new IllegalArgumentException("cannot read " + dtype + " elements as floats");
    }
    return out;
  }

  /** Copies the elements into a new Java array; this array must be {@link DType#I32}. */
  public int[] toInts() {
    require(dtype == DType.I32, "cannot read " + dtype + " elements as ints");
    int[] out = new int[Math.toIntExact(length)];
    buffer().asIntBuffer().get(out);
    return out;
  }

  /** Copies the elements into a new Java array; this array must be {@link DType#U8}. */
  public byte[] toBytes() {
    require(dtype == DType.U8, "cannot read " + dtype + " elements as bytes");
    byte[] out = new byte[Math.toIntExact(length)];
    buffer().get(out);
    return out;
  }

  /** Whether the memory is known to be gone: a pointer that frees what it points to has no address afterwards. */
  boolean isFreed() {
    return length > 0 && owner instanceof Pointer memory && memory.isNull();
  }

  /** Returns the pointer that a native call takes; position 0, element type forgotten. */
  Pointer pointer() {
    return pointer;
  }

  @Override
  public String toString() {
    return dtype + "[" + length + "] on " + device;
  }

  /** The float of the same value as a binary16; the class library has this from Java 20 on. */
  private static float widenF16(short bits) {
    int exponent = bits >> 10 & 0x1f;
    int fraction = bits & 0x3ff;
    float magnitude;
    if (exponent == 0) {
      magnitude = fraction * 0x1p-24f;
    } else {
      int wide = exponent == 0x1f ? 0xff : exponent + 127 - 15;
      magnitude = Float.intBitsToFloat(wide << 23 | fraction << 13);
    }
    return bits < 0 ? -magnitude : magnitude;
  }

  private static NativeArray ofBuffer(Buffer buffer, long length, DType dtype) {
    // A Pointer of a direct buffer starts at the buffer's address; its position counts in elements.
    Pointer whole = new Pointer(buffer);
    int elementBytes = buffer instanceof ByteBuffer ? 1 : dtype.bytes();
    long address = whole.address() + (long) buffer.position() * elementBytes;
    checkAlignment(address, dtype);
    return new NativeArray(new Address(address), length, dtype, Device.CPU, buffer);
  }

  private static void checkAlignment(long address, DType dtype) {
    require(address % dtype.bytes() == 0,
        "address 0x" + Long.toHexString(address) + " is not aligned to a " + dtype + " element");
  }

  private static void checkBuffer(Buffer buffer) {
    require(buffer != null, "buffer is null");
    require(buffer.isDirect(), "buffer is not direct; native code cannot reach the Java heap");
    require(!buffer.isReadOnly(), "buffer is read-only");
  }

  private static void checkOrder(ByteOrder order) {
    require(order == ByteOrder.nativeOrder(),
        "buffer is " + order + "; make it with ByteBuffer.order(ByteOrder.nativeOrder())");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** A pointer to a given address. */
  private static final class Address extends Pointer {
    Address(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }

  /** Does nothing but hold a reference for as long as the cleaner keeps it. */
  private record KeepAlive(Object owner) implements Runnable {
    @Override
    public void run() {}
  }
}
