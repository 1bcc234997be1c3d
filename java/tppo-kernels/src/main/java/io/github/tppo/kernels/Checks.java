// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/** Argument checks of this package. */
final class Checks {

  private Checks() {}

  /** Requires a type that logits and hidden states may have. */
  static void requireFloating(String name, NativeArray array) {
    require(array.dtype() == DType.F32 || array.dtype() == DType.BF16 || array.dtype() == DType.F16,
        name + " must be F32, BF16 or F16, is " + array);
  }

  /** The product of two sizes, of which none is negative; the largest number where it would be more, which no array can have. */
  static long product(long a, long b) {
    return Math.multiplyHigh(a, b) != 0 || a * b < 0 ? Long.MAX_VALUE : a * b;
  }

  static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
