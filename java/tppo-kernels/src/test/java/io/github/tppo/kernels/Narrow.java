// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import java.nio.ByteBuffer;

/** Floats as arrays of 16-bit types, for values that these hold exactly. */
final class Narrow {

  private Narrow() {}

  static NativeArray of(DType dtype, float... values) {
    if (dtype == DType.F32) {
      return NativeArray.ofFloats(values);
    }
    NativeArray array = NativeArray.allocate(dtype, values.length);
    ByteBuffer bytes = array.buffer();
    for (int i = 0; i < values.length; i++) {
      bytes.putShort(2 * i, dtype == DType.BF16 ? bf16(values[i]) : f16(values[i]));
    }
    return array;
  }

  private static short bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    require((bits & 0xffff) == 0 || Float.isNaN(value), value);
    return (short) (Float.isNaN(value) ? 0x7fc0 : bits >>> 16);
  }

  private static short f16(float value) {
    int sign = Float.floatToRawIntBits(value) >>> 16 & 0x8000;
    if (Float.isNaN(value)) {
      return (short) (sign | 0x7e00);
    }
    if (Float.isInfinite(value)) {
      return (short) (sign | 0x7c00);
    }
    if (value == 0) {
      return (short) sign;
    }
    int fraction = Float.floatToRawIntBits(value) & 0x7fffff;
    int exponent = Math.getExponent(value);
    require(exponent >= -14 && exponent <= 15 && (fraction & 0x1fff) == 0, value);
    return (short) (sign | exponent + 15 << 10 | fraction >> 13);
  }

  private static void require(boolean exact, float value) {
    if (!exact) {
      throw new IllegalArgumentException(value + " has too many bits");
    }
  }
}
