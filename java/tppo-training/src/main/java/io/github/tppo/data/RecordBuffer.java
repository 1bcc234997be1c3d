// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.util.Arrays;

/** Writes and reads the fields of one spilled record: variable-length integers and UTF-8 strings. */
final class RecordBuffer {
  private byte[] bytes = new byte[256];
  private int at;
  private int end;

  byte[] bytes() {
    return bytes;
  }

  int length() {
    return at;
  }

  /** Begins to write an own record. */
  RecordBuffer clear() {
    at = 0;
    return this;
  }

  RecordBuffer putLong(long v) {
    long z = (v << 1) ^ (v >> 63);
    reserve(10);
    while ((z & ~0x7fL) != 0) {
      bytes[at++] = (byte) (z | 0x80);
      z >>>= 7;
    }
    bytes[at++] = (byte) z;
    return this;
  }

  RecordBuffer put(Utf8 s) {
    return put(s.bytes, s.from, s.length());
  }

  RecordBuffer put(byte[] utf8, int from, int length) {
    putLong(length);
    reserve(length);
    System.arraycopy(utf8, from, bytes, at, length);
    at += length;
    return this;
  }

  private void reserve(int n) {
    if (bytes.length - at < n) {
      bytes = Arrays.copyOf(bytes, Math.max(at + n, 2 * bytes.length));
    }
  }

  /** Begins to read a record that lies in another array. */
  RecordBuffer wrap(byte[] from, int offset, int length) {
    bytes = from;
    at = offset;
    end = offset + length;
    return this;
  }

  long getLong() {
    long z = 0;
    for (int shift = 0; ; shift += 7) {
      byte b = bytes[at++];
      z |= (b & 0x7fL) << shift;
      if (b >= 0) {
        return (z >>> 1) ^ -(z & 1);
      }
    }
  }

  /** Reads a string where it lies. */
  void get(Utf8 s) {
    int n = (int) getLong();
    if (n > end - at) {
      throw new IllegalStateException("spilled record is shorter than its string of " + n + " bytes");
    }
    s.set(bytes, at, at + n);
    at += n;
  }
}
