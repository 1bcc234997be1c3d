// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/** The element types that the kernels read and write. */
public enum DType {
  /** IEEE 754 binary32. */
  F32(4),
  /** IEEE 754 binary64. */
  F64(8),
  /** bfloat16: the upper half of a binary32. */
  BF16(2),
  /** IEEE 754 binary16. */
  F16(2),
  /** Signed 32-bit integer. */
  I32(4),
  /** Signed 64-bit integer. */
  I64(8),
  /** Unsigned byte; a mask is 1 where the element counts, else 0. */
  U8(1);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Returns the size of one element in bytes. */
  public int bytes() {
    return bytes;
  }
}
