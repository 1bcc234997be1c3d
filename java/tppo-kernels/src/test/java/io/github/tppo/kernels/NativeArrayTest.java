// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.junit.jupiter.api.Test;

class NativeArrayTest {

  private static ByteBuffer direct(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }

  @Test
  void viewsWhatRemainsOfABuffer() {
    FloatBuffer buffer = direct(16).asFloatBuffer().put(new float[] {1, 2, 3, 4}).flip();
    buffer.position(1).limit(3);
    NativeArray array = NativeArray.of(buffer);
    assertArrayEquals(new float[] {2, 3}, array.toFloats());
    array.buffer().putFloat(0, 7);
    assertEquals(7, buffer.get(1));
  }

  @Test
  void viewsBytesAsAnyType() {
    ByteBuffer bytes = direct(8).putInt(4, 5);
    bytes.position(4);
    assertArrayEquals(new int[] {5}, NativeArray.of(bytes, DType.I32).toInts());
    assertThrows(IllegalArgumentException.class, () -> NativeArray.of(direct(7), DType.I32));
    assertThrows(IllegalArgumentException.class, () -> NativeArray.of(direct(9).position(1), DType.I32));
  }

  @Test
  void viewsAPointerAtItsPosition() {
    try (FloatPointer pointer = new FloatPointer(1f, 2f, 3f)) {
      assertArrayEquals(new float[] {2, 3}, NativeArray.of(pointer.position(1), 2, DType.F32).toFloats());
    }
  }

  @Test
  void refusesHeapMemoryForeignByteOrderAndNulls() {
    assertThrows(IllegalArgumentException.class, () -> NativeArray.of(FloatBuffer.allocate(3)));
    ByteOrder other = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
    assertThrows(IllegalArgumentException.class, () -> NativeArray.of(direct(4).order(other).asFloatBuffer()));
    assertThrows(IllegalArgumentException.class, () -> NativeArray.of((FloatBuffer) null));
    assertThrows(IllegalArgumentException.class, () -> NativeArray.of(new FloatPointer(), 1, DType.F32));
    assertThrows(IllegalArgumentException.class, () -> NativeArray.allocate(DType.F32, -1));
    assertThrows(IllegalArgumentException.class, () -> NativeArray.allocate(DType.F64, 1L << 40));
  }

  @Test
  void slicesStayInside() {
    NativeArray array = NativeArray.ofInts(1, 2, 3);
    assertArrayEquals(new int[] {2, 3}, array.slice(1, 2).toInts());
    assertEquals(0, array.slice(3, 0).length());
    assertThrows(IndexOutOfBoundsException.class, () -> array.slice(2, 2));
    assertThrows(IndexOutOfBoundsException.class, () -> array.slice(-1, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> array.slice(1, Long.MAX_VALUE));
  }

  /** The memory of an allocated array must outlive the array while a buffer over it is in use. */
  @Test
  void buffersKeepTheMemoryAlive() {
    ByteBuffer[] buffers = new ByteBuffer[2000];
    for (int i = 0; i < buffers.length; i++) {
      NativeArray array = NativeArray.allocate(DType.I32, 1024);
      array.buffer().putInt(0, i);
      buffers[i] = array.slice(0, 1).buffer();
      if (i % 500 == 0) {
        System.gc();
      }
    }
    for (int i = 0; i < buffers.length; i++) {
      assertEquals(i, buffers[i].getInt(0));
    }
  }

  /** Every pattern, against the definition: sign, 5 bits of exponent, 10 of fraction. */
  @Test
  void widensBinary16() {
    NativeArray array = NativeArray.allocate(DType.F16, 1 << 16);
    for (int bits = 0; bits < 1 << 16; bits++) {
      array.buffer().putShort(2 * bits, (short) bits);
    }
    float[] values = array.toFloats();
    for (int bits = 0; bits < 1 << 16; bits++) {
      int exponent = bits >> 10 & 31;
      double fraction = (bits & 1023) / 1024.0;
      double magnitude = exponent == 0 ? Math.scalb(fraction, -14) : Math.scalb(1 + fraction, exponent - 15);
      if (exponent == 31) {
        magnitude = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
      }
      float expected = (float) (bits >> 15 == 0 ? magnitude : -magnitude);
      assertEquals(Float.floatToIntBits(expected), Float.floatToIntBits(values[bits]), Integer.toHexString(bits));
    }
  }

  @Test
  void readsOnlyItsOwnType() {
    assertThrows(IllegalArgumentException.class, () -> NativeArray.ofInts(1).toFloats());
    assertThrows(IllegalArgumentException.class, () -> NativeArray.ofFloats(1).toInts());
    assertArrayEquals(new float[] {1}, NativeArray.of(direct(2).putShort(0, (short) 0x3f80), DType.BF16).toFloats());
  }
}
