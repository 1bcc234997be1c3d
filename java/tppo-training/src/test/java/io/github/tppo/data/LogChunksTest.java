// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogChunksTest {
  private static final int LONGEST = 70;
  private static final String[] ENDS = {"\n", "\r\n", "\n\n"};
  @TempDir Path folder;

  /** Lines of many lengths and kinds, some too long by one byte or by a hundred times. */
  private static byte[] log(Random random, int lines) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < lines; i++) {
      int length = random.nextInt(20) == 0 ? random.nextInt(100 * LONGEST) : LONGEST - 3 + random.nextInt(6) - random.nextInt(60);
      byte[] line = LogFiles.utf8("x".repeat(Math.max(0, length)));
      if (line.length > 4) {
        switch (random.nextInt(8)) {
          case 0 -> line[random.nextInt(line.length)] = 0;
          case 1 -> line[random.nextInt(line.length)] = (byte) 0xff;
          case 2 -> System.arraycopy(LogFiles.utf8("\ufeff"), 0, line, 0, 3);
          case 3 -> System.arraycopy(LogFiles.utf8("\u00e9"), 0, line, 1, 2);
          default -> { }
        }
      }
      out.writeBytes(line);
      if (i < lines - 1 || random.nextBoolean()) {
        out.writeBytes(LogFiles.utf8(ENDS[random.nextInt(3)]));
      }
    }
    return out.toByteArray();
  }

  private static void lines(LineReader in, List<String> to) throws IOException {
    for (LineReader.Kind kind; (kind = in.next()) != LineReader.Kind.END; ) {
      to.add(kind + (kind == LineReader.Kind.LINE ? " " + in.text() : ""));
    }
  }

  private static List<String> whole(Path file) throws IOException {
    List<String> lines = new ArrayList<>();
    try (LineReader in = new LineReader(LogStream.open(file), LONGEST)) {
      lines(in, lines);
    }
    return lines;
  }

  /** The lines of all chunks; no chunk is larger than what was asked for, or than the longest line. */
  private static List<String> chunked(Path file, int size) throws IOException {
    List<String> lines = new ArrayList<>();
    byte[] head = null;
    try (LogChunks chunks = new LogChunks(LogStream.open(file), LONGEST, size)) {
      for (LogChunks.Chunk c; (c = chunks.next()) != null; ) {
        assertTrue(c.bytes().length <= Math.max(size, LONGEST + 3), c.bytes().length + " bytes");
        assertArrayEquals(head, c.head());
        lines(new LineReader(c.bytes(), c.length(), LONGEST, c.damage()), lines);
        if (head == null) {
          int end = 0;
          while (end < c.length() && c.bytes()[end] != '\n') {
            end++;
          }
          head = Arrays.copyOf(c.bytes(), end);
        }
      }
    }
    return lines;
  }

  @Test
  void linesAreTheSameHoweverTheLogIsCut() throws IOException {
    Path file = folder.resolve("log");
    for (int seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      Files.write(file, log(random, 1 + random.nextInt(60)));
      for (int size : new int[] {1, 16, LONGEST + 1, LONGEST + 2, LONGEST + 3, 1000, 1 << 18}) {
        assertEquals(whole(file), chunked(file, size), "seed " + seed + ", size " + size);
      }
    }
  }

  /** 40 MB without a newline between two rows, as fast as they are asked for; the reads are bounded, or this fails. */
  private static final class LongLine implements LogChunks.Source {
    static final int BYTES = 40_000_000;
    private static final byte[] BEFORE = LogFiles.utf8("the first row\n");
    private static final byte[] AFTER = LogFiles.utf8("\nthe last row\n");
    private int at;
    private int reads;

    @Override
    public int read(byte[] to, int offset, int length) {
      assertTrue(++reads < 1000, () -> reads + " reads, of " + at + " bytes");
      int n = 0;
      for (; n < length && at < BYTES; n++, at++) {
        int fromEnd = at - (BYTES - AFTER.length);
        to[offset + n] = at < BEFORE.length ? BEFORE[at] : fromEnd >= 0 ? AFTER[fromEnd] : (byte) 'x';
      }
      return n == 0 ? -1 : n;
    }

    @Override
    public long bytesRead() {
      return at;
    }

    @Override
    public String damage() {
      return null;
    }

    @Override
    public void close() { }
  }

  /** The line costs a read for each array full, and no more memory than the longest line allowed. */
  @Test
  void aLineOfTensOfMegabytesIsReadOnce() throws IOException {
    int limit = DataConfig.defaults().maxLineBytes();
    List<String> lines = new ArrayList<>();
    try (LogChunks chunks = new LogChunks(new LongLine(), limit, LogChunks.SIZE)) {
      for (LogChunks.Chunk c; (c = chunks.next()) != null; ) {
        assertTrue(c.bytes().length <= limit + 3, c.bytes().length + " bytes");
        lines(new LineReader(c.bytes(), c.length(), limit, c.damage()), lines);
      }
    }
    assertEquals(List.of("LINE the first row", "LINE_TOO_LONG", "LINE the last row"), lines);
  }

  @Test
  void ofATruncatedLogTheLastLineIsCutShort() throws IOException {
    byte[] gzip = LogFiles.gzip(log(new Random(3), 400));
    Path file = Files.write(folder.resolve("log.gz"), Arrays.copyOf(gzip, gzip.length / 2));
    List<String> expected = whole(file);
    assertEquals("TRUNCATED_LINE", expected.get(expected.size() - 1));
    assertEquals(expected, chunked(file, 100));
  }

  @Test
  void anEmptyLogHasNoLines() throws IOException {
    Path file = Files.write(folder.resolve("empty"), new byte[0]);
    assertEquals(List.of(), chunked(file, 100));
    try (LogChunks chunks = new LogChunks(LogStream.open(file), LONGEST, 100)) {
      assertEquals(0, chunks.next().length());
      assertNull(chunks.next());
    }
  }
}
