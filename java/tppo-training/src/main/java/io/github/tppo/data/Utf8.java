// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A piece of valid UTF-8 in some array; set again for every row, so that rows cost no objects. */
final class Utf8 {
  byte[] bytes = new byte[0];
  int from;
  int to;

  void set(byte[] array, int start, int end) {
    bytes = array;
    from = start;
    to = end;
  }

  void set(String text) {
    bytes = text.getBytes(StandardCharsets.UTF_8);
    from = 0;
    to = bytes.length;
  }

  void clear() {
    to = from;
  }

  int length() {
    return to - from;
  }

  boolean isEmpty() {
    return to == from;
  }

  boolean isAscii() {
    int or = 0;
    for (int i = from; i < to; i++) {
      or |= bytes[i];
    }
    return or >= 0;
  }

  /** Removes white space at both ends. */
  void strip() {
    // Nearly always there is none: what begins and ends with visible ASCII has none.
    if (!isEmpty() && (bytes[from] <= ' ' || bytes[to - 1] <= ' ')) {
      set(toString().strip());
    }
  }

  boolean sameAs(byte[] other) {
    return Arrays.equals(bytes, from, to, other, 0, other.length);
  }

  /** Whether this is the text; false, too, if the text is not ASCII. */
  boolean equalsAscii(String text) {
    if (text.length() != length()) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) != bytes[from + i]) {
        return false;
      }
    }
    return true;
  }

  byte[] copy() {
    return Arrays.copyOfRange(bytes, from, to);
  }

  @Override
  public String toString() {
    return new String(bytes, from, to - from, StandardCharsets.UTF_8);
  }
}
