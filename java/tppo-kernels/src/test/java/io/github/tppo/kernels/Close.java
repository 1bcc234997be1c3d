// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Comparisons at the tolerances of the kernels. */
final class Close {

  /** Float32 arithmetic, relative to the largest magnitude of the expected tensor. */
  static final double FLOAT32 = 1e-5;

  /** Losses and means, relative to their magnitude or to 1, whichever is larger. */
  static final double SCALAR = 1e-6;

  /** Half a unit in the last place of bfloat16's 8 bits. */
  static final double BF16 = 1.0 / 256;

  /** Half a unit in the last place of binary16's 11 bits. */
  static final double F16 = 1.0 / 2048;

  private Close() {}

  static void assertClose(String name, double[] expected, NativeArray actual) {
    assertClose(name, expected, widen(actual.toFloats()), FLOAT32);
  }

  static void assertClose(String name, double[] expected, double[] actual, double tolerance) {
    assertEquals(expected.length, actual.length, name);
    double largest = 0;
    for (double value : expected) {
      if (Double.isFinite(value)) {
        largest = Math.max(largest, Math.abs(value));
      }
    }
    for (int i = 0; i < expected.length; i++) {
      boolean same = expected[i] == actual[i] || Math.abs(expected[i] - actual[i]) <= tolerance * largest;
      int at = i;
      assertTrue(same, () -> name + "[" + at + "]: expected " + expected[at] + " but was " + actual[at]);
    }
  }

  static void assertScalar(String name, double expected, double actual) {
    double allowed = SCALAR * Math.max(Math.abs(expected), 1);
    assertTrue(Math.abs(expected - actual) <= allowed, () -> name + ": expected " + expected + " but was " + actual);
  }

  /** Each element within its own bfloat16 rounding, plus float32 noise of the largest. */
  static void assertBf16(String name, double[] expected, NativeArray actual) {
    float[] values = actual.toFloats();
    assertEquals(expected.length, values.length, name);
    double largest = 0;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < values.length; i++) {
      double allowed = BF16 * Math.abs(expected[i]) + FLOAT32 * largest;
      int at = i;
      assertTrue(Math.abs(expected[i] - values[i]) <= allowed,
          () -> name + "[" + at + "]: expected " + expected[at] + " but was " + values[at]);
    }
  }

  static double[] widen(float[] values) {
    double[] out = new double[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i];
    }
    return out;
  }
}
