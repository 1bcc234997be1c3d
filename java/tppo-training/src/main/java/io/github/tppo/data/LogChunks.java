// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.Closeable;
import java.io.IOException;
import java.util.Arrays;

/**
 * Cuts the decompressed bytes of a log into chunks of whole lines, which can then be read apart from each other. Memory
 * is bounded: of a line that is too long for the log, no more is kept than shows its length.
 */
final class LogChunks implements Closeable {
  /** Where the bytes come from; {@link LogStream} says what the methods mean. */
  interface Source extends Closeable {
    int read(byte[] to, int offset, int length) throws IOException;

    long bytesRead();

    String damage();
  }

  /** Bytes of a chunk, unless a line is longer. */
  static final int SIZE = 1 << 18;

  /**
   * Whole lines.
   *
   * @param bytes holds the lines from its start
   * @param length bytes of them
   * @param head the first line of the log; null in the chunk that begins with it
   * @param damage null, or why the log ends early, within the last line of this chunk
   */
  record Chunk(byte[] bytes, int length, byte[] head, String damage) {
    /** Bytes of heap that it and its records take, roughly: the chunk, the records, and the text of the lines at work. */
    long heap() {
      return 4L * bytes.length;
    }
  }

  private final Source in;
  private final int maxLineBytes;
  private final int size;
  private byte[] pending = new byte[0];
  private byte[] head;
  private boolean ended;

  LogChunks(Source in, int maxLineBytes, int size) {
    this.in = in;
    this.size = size;
    this.maxLineBytes = maxLineBytes;
  }

  /** The next chunk, or null after the last one. */
  Chunk next() throws IOException {
    if (ended) {
      return null;
    }
    byte[] bytes = Arrays.copyOf(pending, Math.max(size, pending.length));
    int end = pending.length;
    int lines = afterLastNewline(bytes, 0, end);
    while (true) {
      if (end == bytes.length) {
        if (lines > 0) {
          break;
        }
        // One more byte than the longest line, its CR and its LF.
        if (bytes.length > maxLineBytes + 2) {
          pending = skipLine(bytes);
          return chunk(bytes, end);
        }
        bytes = Arrays.copyOf(bytes, (int) Math.min(maxLineBytes + 3L, 2L * bytes.length));
      }
      int n = in.read(bytes, end, bytes.length - end);
      if (n < 0) {
        ended = true;
        lines = end;
        break;
      }
      end += n;
      lines = Math.max(lines, afterLastNewline(bytes, end - n, end));
    }
    pending = Arrays.copyOfRange(bytes, lines, end);
    return chunk(bytes, lines);
  }

  private Chunk chunk(byte[] bytes, int lines) {
    Chunk chunk = new Chunk(bytes, lines, head, ended ? in.damage() : null);
    if (head == null) {
      head = firstLine(bytes, lines);
    }
    return chunk;
  }

  /** Reads to the end of a line that is too long and puts one of spaces in its place; what was read of the lines after it. */
  private byte[] skipLine(byte[] bytes) throws IOException {
    for (int n; (n = in.read(bytes, 0, bytes.length)) >= 0; ) {
      for (int i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
          byte[] after = Arrays.copyOfRange(bytes, i + 1, n);
          Arrays.fill(bytes, (byte) ' ');
          bytes[bytes.length - 1] = '\n';
          return after;
        }
      }
    }
    ended = true;
    Arrays.fill(bytes, (byte) ' ');
    return new byte[0];
  }

  /** Where the line after the last newline of a range begins, or 0. */
  private static int afterLastNewline(byte[] bytes, int from, int to) {
    for (int i = to; i > from; i--) {
      if (bytes[i - 1] == '\n') {
        return i;
      }
    }
    return 0;
  }

  private static byte[] firstLine(byte[] bytes, int length) {
    int n = 0;
    while (n < length && bytes[n] != '\n') {
      n++;
    }
    return Arrays.copyOf(bytes, n);
  }

  /** Bytes of the file (before decompression) taken so far. */
  long bytesRead() {
    return in.bytesRead();
  }

  /** Null, or why the log ended early. */
  String damage() {
    return in.damage();
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
