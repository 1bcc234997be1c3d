// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.List;

/** Range checks of configuration values; every message starts with the key, so that a reader can find it. */
public final class Check {
  /** The largest setting that the kernels take, so that products of settings stay finite. */
  public static final double LARGEST = 1e30;

  private Check() {}

  /** Refuses values that are not finite and above zero. */
  public static void positive(String key, double value) {
    require(value > 0 && Double.isFinite(value), key, value, "a number above 0");
  }

  /** Refuses values that are not finite or below zero. */
  public static void notNegative(String key, double value) {
    require(value >= 0 && Double.isFinite(value), key, value, "a number of at least 0");
  }

  /** Refuses values outside [low, high]. */
  public static void range(String key, double value, double low, double high) {
    require(value >= low && value <= high, key, value, "a number from " + text(low) + " to " + text(high));
  }

  /** Refuses values that are not in (0, {@link #LARGEST}]. */
  public static void positiveSetting(String key, double value) {
    require(value > 0 && value <= LARGEST, key, value, "a number above 0, at most " + LARGEST);
  }

  /** Refuses values that are not in [0, {@link #LARGEST}]. */
  public static void setting(String key, double value) {
    range(key, value, 0, LARGEST);
  }

  /** Refuses integers below {@code least}. */
  public static void atLeast(String key, long value, long least) {
    require(value >= least, key, value, "an integer of at least " + least);
  }

  /** Throws {@code key: found, expected} unless the condition holds. */
  public static void require(boolean condition, String key, Object found, String expected) {
    if (!condition) {
      throw new IllegalArgumentException(key + ": " + (found instanceof Double d ? text(d) : found)
          + ", expected " + expected);
    }
  }

  /** A copy of a list that has to be there, with something in every place. */
  public static <T> List<T> list(String key, List<T> values) {
    require(values != null, key, null, "a list");
    for (int i = 0; i < values.size(); i++) {
      if (values.get(i) == null) {
        require(false, key + "[" + i + "]", null, "a value");
      }
    }
    return List.copyOf(values);
  }

  private static String text(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1e15 ? Long.toString((long) value) : Double.toString(value);
  }
}
