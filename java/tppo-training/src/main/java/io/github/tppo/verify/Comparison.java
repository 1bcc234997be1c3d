// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.verify.VerifyReport.Quantity;

/** Compares results of the kernels or of a model with expected values. */
final class Comparison {

  /** How far a result may be off. */
  enum Tolerance {
    /** 1e-5 of the largest magnitude of the tensor. */
    FLOAT32,
    /** 1e-6 of the value or of 1, whichever is larger. */
    SCALAR,
    /** As FLOAT32, and half a unit in the last of the 8 bits of each element. */
    BF16,
    /** 1e-4, what float32 arithmetic in another order makes of the logits of a deep network, or as FLOAT32 if that is more. */
    MODEL,
    /** Not at all. */
    EXACT
  }

  private static final double FLOAT32 = 1e-5;
  private static final double SCALAR = 1e-6;
  private static final double MODEL = 1e-4;
  private static final double BF16 = 1.0 / 256;

  private Comparison() {}

  /** Compares element by element; equal infinities and two NaN agree. */
  static Quantity of(String name, double[] expected, double[] actual, Tolerance tolerance) {
    if (expected.length != actual.length) {
      return new Quantity(name, 0, 0, 0, false,
          "expected " + expected.length + " elements, found " + actual.length);
    }
    double largest = 0;
    for (double value : expected) {
      if (Double.isFinite(value)) {
        largest = Math.max(largest, Math.abs(value));
      }
    }
    double maxAbs = 0;
    int worst = -1;
    for (int i = 0; i < expected.length; i++) {
      double difference = difference(expected[i], actual[i]);
      maxAbs = Math.max(maxAbs, difference);
      if (worst < 0 && !(difference <= allowed(expected[i], largest, tolerance))) {
        worst = i;
      }
    }
    double maxRel = maxAbs == 0 ? 0 : maxAbs / Math.max(largest, Double.MIN_NORMAL);
    String reason = worst < 0 ? null
        : "element " + worst + ": expected " + expected[worst] + ", found " + actual[worst];
    return new Quantity(name, expected.length, finite(maxAbs), finite(maxRel), worst < 0, reason);
  }

  private static double difference(double expected, double actual) {
    if (expected == actual || Double.isNaN(expected) && Double.isNaN(actual)) {
      return 0;
    }
    double difference = Math.abs(expected - actual);
    return Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference;
  }

  private static double allowed(double expected, double largest, Tolerance tolerance) {
    return switch (tolerance) {
      case FLOAT32 -> FLOAT32 * largest;
      case SCALAR -> SCALAR * Math.max(1, Math.abs(expected));
      case BF16 -> FLOAT32 * largest + BF16 * Math.abs(expected);
      case MODEL -> Math.max(MODEL, FLOAT32 * largest);
      case EXACT -> 0;
    };
  }

  /** JSON has no infinity. */
  private static double finite(double value) {
    return Math.min(value, Double.MAX_VALUE);
  }
}
