// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

/** UTF-8 read byte by byte, with malformed input cut as the Unicode standard recommends (maximal subparts). */
final class Utf8 {

  private Utf8() {
  }

  /** The length in bytes of the well-formed character at {@code at}, or 0 when there is none. */
  static int sequenceLength(byte[] bytes, int at) {
    int wanted = wanted(bytes[at] & 0xFF);
    return wanted > 0 && goodPrefix(bytes, at, wanted) == wanted ? wanted : 0;
  }

  /** How many bytes at {@code at}, where no character begins well, count as one malformed character; at least 1. */
  static int malformedLength(byte[] bytes, int at) {
    int wanted = wanted(bytes[at] & 0xFF);
    return wanted == 0 ? 1 : goodPrefix(bytes, at, wanted);
  }

  static boolean isValid(byte[] bytes) {
    for (int at = 0; at < bytes.length;) {
      int length = sequenceLength(bytes, at);
      if (length == 0) {
        return false;
      }
      at += length;
    }
    return true;
  }

  /** The code point of the well-formed character of {@code length} bytes at {@code at}. */
  static int codePoint(byte[] bytes, int at, int length) {
    int lead = bytes[at] & 0xFF;
    int value = length == 1 ? lead : lead & (0x7F >> length);
    for (int i = 1; i < length; i++) {
      value = (value << 6) | (bytes[at + i] & 0x3F);
    }
    return value;
  }

  private static int wanted(int lead) {
    if (lead < 0x80) {
      return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) {
      return 0;
    }
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  }

  /** How many of the {@code wanted} bytes at {@code at} can begin a character: the Unicode standard's table 3-7. */
  private static int goodPrefix(byte[] bytes, int at, int wanted) {
    int lead = bytes[at] & 0xFF;
    int good = 1;
    while (good < wanted && at + good < bytes.length) {
      int b = bytes[at + good] & 0xFF;
      int low = 0x80;
      int high = 0xBF;
      if (good == 1) {
        low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : low;
        high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : high;
      }
      if (b < low || b > high) {
        break;
      }
      good++;
    }
    return good;
  }
}
