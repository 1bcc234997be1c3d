// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;

/** How numbers are read and written on the page; the same on every machine. */
final class Numbers {
  private Numbers() {}

  /** A number with some decimals, a true minus sign, and no minus before zero. */
  static String fixed(double value, int decimals) {
    if (!Double.isFinite(value)) {
      return "–";
    }
    String text = String.format(Locale.ROOT, "%,." + decimals + "f", value);
    boolean zero = text.chars().noneMatch(c -> c >= '1' && c <= '9');
    return zero ? text.replace("-", "") : text.replace('-', '\u2212');
  }

  /** The same with a plus sign before positive numbers. */
  static String signed(double value, int decimals) {
    String text = fixed(value, decimals);
    boolean zero = text.chars().noneMatch(c -> c >= '1' && c <= '9');
    return value > 0 && !zero ? "+" + text : text;
  }

  /** A whole number with thousands separated. */
  static String count(double value) {
    return fixed(value, 0);
  }

  /** A number with about three significant digits. */
  static String brief(double value) {
    double size = Math.abs(value);
    if (value == 0 || !Double.isFinite(value)) {
      return fixed(value, 0);
    }
    if (size < 0.001 || size >= 1e7) {
      return String.format(Locale.ROOT, "%.1e", value).replace('-', '\u2212');
    }
    return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  }

  /** A coordinate of a figure. */
  static String at(double value) {
    String text = String.format(Locale.ROOT, "%.1f", value);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
  }

  /** Seconds as a person says them. */
  static String duration(double seconds) {
    if (seconds < 60) {
      return fixed(seconds, seconds < 10 ? 1 : 0) + " s";
    }
    long s = Math.round(seconds);
    return s < 3600 ? s / 60 + " min " + s % 60 + " s" : s / 3600 + " h " + s % 3600 / 60 + " min";
  }

  /** A key of a file as words. */
  static String words(String key) {
    return key.replace('_', ' ');
  }

  /** A number of a tree, NaN when it is missing. */
  static double of(JsonNode node) {
    return node.isNumber() ? node.asDouble() : Double.NaN;
  }
}
