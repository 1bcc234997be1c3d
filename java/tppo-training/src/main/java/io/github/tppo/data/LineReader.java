// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.Closeable;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Splits a log into lines, on bytes, in bounded memory. LF and CRLF end a line; a lone CR, U+2028 and U+0085 do not
 * (they occur inside real queries). A byte order mark at the start of a line is removed, so that concatenated files
 * read as one. Lines that cannot be text are reported by their kind and skipped; nothing here throws for content.
 */
final class LineReader implements Closeable {
  /** What {@link #next()} found; every kind but LINE and END is also the reason for which the row is dropped. */
  enum Kind {
    LINE, LINE_TOO_LONG, NUL_BYTE, INVALID_UTF8, TRUNCATED_LINE, END;

    String reason() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final int CHUNK = 1 << 16;
  private static final int NUL = 1;
  private static final int HIGH_BYTE = 2;
  /** Eight bytes at a time, the first one lowest. */
  private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long ONES = 0x0101010101010101L;
  private static final long HIGH = 0x8080808080808080L;
  private static final long NEWLINES = '\n' * ONES;

  /** Null when all bytes are in the buffer. */
  private final LogStream in;
  private final String damage;
  private final int maxBytes;
  private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder()
      .onMalformedInput(CodingErrorAction.REPORT).onUnmappableCharacter(CodingErrorAction.REPORT);
  private byte[] buffer;
  private int start;
  private int end;
  private boolean drained;
  private long lineNumber;
  private int lineStart;
  private int lineEnd;
  private boolean ascii;
  private String text;

  /** Reads lines of at most {@code maxBytes} bytes of UTF-8. */
  LineReader(LogStream in, int maxBytes) {
    this.in = in;
    this.damage = null;
    this.maxBytes = maxBytes;
    this.buffer = new byte[Math.min(CHUNK, maxBytes + 2)];
  }

  /** Reads lines of the first {@code length} bytes of an array; {@code damage} says why the last one is cut short, or is null. */
  LineReader(byte[] bytes, int length, int maxBytes, String damage) {
    this.in = null;
    this.damage = damage;
    this.maxBytes = maxBytes;
    this.buffer = bytes;
    this.end = length;
    this.drained = true;
  }

  /** The text of the last LINE, without its end. */
  String text() {
    if (text == null) {
      text = new String(buffer, lineStart, lineEnd - lineStart, ascii ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8);
    }
    return text;
  }

  /** Holds the last LINE as UTF-8, between {@link #from()} and {@link #to()}, until the next call of {@link #next()}. */
  byte[] bytes() {
    return buffer;
  }

  /** Where the last LINE begins. */
  int from() {
    return lineStart;
  }

  /** Where the last LINE ends, without its end. */
  int to() {
    return lineEnd;
  }

  /** Whether the last LINE is empty or white space. */
  boolean isBlank() {
    return lineStart == lineEnd || (buffer[lineStart] <= ' ' && text().isBlank());
  }

  /** Number of the last line, counted from 1. */
  long lineNumber() {
    return lineNumber;
  }

  /** Null, or why the file's lines end early. */
  String failure() {
    return in == null ? damage : in.damage();
  }

  /**
   * Goes to the next line.
   *
   * @throws IOException if the disk fails
   */
  Kind next() throws IOException {
    text = null;
    int scanned = start;
    boolean tooLong = false;
    while (true) {
      int newline = indexOfNewline(scanned);
      if (newline >= 0) {
        lineNumber++;
        int from = start;
        start = newline + 1;
        return tooLong ? Kind.LINE_TOO_LONG : finish(from, newline);
      }
      // Room for the longest line and its CR; beyond that only the search for the line's end goes on.
      if (end - start > maxBytes + 1) {
        tooLong = true;
      }
      if (tooLong) {
        start = end;
      }
      scanned = end - start;
      if (!fill()) {
        return last(tooLong);
      }
      scanned += start;
    }
  }

  private Kind last(boolean tooLong) {
    if (start == end && !tooLong) {
      return Kind.END;
    }
    lineNumber++;
    int from = start;
    start = end;
    return failure() != null ? Kind.TRUNCATED_LINE : tooLong ? Kind.LINE_TOO_LONG : finish(from, end);
  }

  private int indexOfNewline(int from) {
    byte[] b = buffer;
    int i = from;
    for (; i <= end - Long.BYTES; i += Long.BYTES) {
      long x = (long) LONG.get(b, i) ^ NEWLINES;
      long zero = (x - ONES) & ~x & HIGH; // a bit in the lowest byte that is zero, and maybe in higher ones
      if (zero != 0) {
        return i + (Long.numberOfTrailingZeros(zero) >>> 3);
      }
    }
    for (; i < end; i++) {
      if (b[i] == '\n') {
        return i;
      }
    }
    return -1;
  }

  /** 0 if all bytes are ASCII and none is NUL; else {@link #NUL}, {@link #HIGH_BYTE} or both. */
  private static int flags(byte[] b, int from, int to) {
    long high = 0;
    long zero = 0;
    int i = from;
    for (; i <= to - Long.BYTES; i += Long.BYTES) {
      long x = (long) LONG.get(b, i);
      high |= x;
      zero |= (x - ONES) & ~x;
    }
    for (; i < to; i++) {
      high |= b[i];
      zero |= b[i] == 0 ? HIGH : 0;
    }
    return ((high & HIGH) != 0 ? HIGH_BYTE : 0) | ((zero & HIGH) != 0 ? NUL : 0);
  }

  /** Moves what is pending to the front and adds bytes; false at the end. */
  private boolean fill() throws IOException {
    if (drained) {
      return false;
    }
    int pending = end - start;
    byte[] to = pending == buffer.length
        ? new byte[(int) Math.min((long) maxBytes + 2, 2L * buffer.length)] : buffer;
    System.arraycopy(buffer, start, to, 0, pending);
    buffer = to;
    start = 0;
    end = pending;
    int n = in.read(buffer, end, buffer.length - end);
    if (n < 0) {
      drained = true;
      return false;
    }
    end += n;
    return true;
  }

  private Kind finish(int from, int to) {
    if (to > from && buffer[to - 1] == '\r') {
      to--;
    }
    if (to - from > maxBytes) {
      return Kind.LINE_TOO_LONG;
    }
    while (to - from >= 3 && buffer[from] == (byte) 0xef && buffer[from + 1] == (byte) 0xbb
        && buffer[from + 2] == (byte) 0xbf) {
      from += 3;
    }
    lineStart = from;
    lineEnd = to;
    int flags = flags(buffer, from, to);
    if ((flags & NUL) != 0) {
      return Kind.NUL_BYTE;
    }
    ascii = flags == 0;
    if (ascii) {
      return Kind.LINE;
    }
    try {
      text = utf8.decode(ByteBuffer.wrap(buffer, from, to - from)).toString();
      return Kind.LINE;
    } catch (CharacterCodingException e) {
      return Kind.INVALID_UTF8;
    }
  }

  @Override
  public void close() throws IOException {
    if (in != null) {
      in.close();
    }
  }
}
