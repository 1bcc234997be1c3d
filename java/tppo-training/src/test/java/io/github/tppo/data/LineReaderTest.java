// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LineReaderTest {
  @TempDir Path folder;

  private record Lines(List<String> found, String failure) { }

  /** Every line as its text, or its kind in angle brackets. */
  private Lines read(byte[] bytes, int maxBytes) throws IOException {
    Path file = folder.resolve("log");
    Files.write(file, bytes);
    List<String> found = new ArrayList<>();
    try (LineReader in = new LineReader(LogStream.open(file), maxBytes)) {
      for (LineReader.Kind k; (k = in.next()) != LineReader.Kind.END; ) {
        found.add(k == LineReader.Kind.LINE ? in.text() : "<" + k.reason() + ">");
        assertEquals(found.size(), in.lineNumber());
      }
      assertEquals(LineReader.Kind.END, in.next());
      return new Lines(found, in.failure());
    }
  }

  @Test
  void onlyLfAndCrlfEndALine() throws IOException {
    byte[] log = LogFiles.utf8("a\nb\r\nlone\rcr\nline\u2028separator\u0085x\n\nlast");
    assertEquals(List.of("a", "b", "lone\rcr", "line\u2028separator\u0085x", "", "last"), read(log, 100).found);
  }

  @Test
  void emptyFileHasNoLines() throws IOException {
    assertEquals(List.of(), read(new byte[0], 100).found);
    assertEquals(List.of(""), read(LogFiles.utf8("\n"), 100).found);
  }

  @Test
  void byteOrderMarksGoAtEveryLineStart() throws IOException {
    assertEquals(List.of("a", "b", "c\ufeffd"), read(LogFiles.utf8("\ufeffa\n\ufeffb\nc\ufeffd"), 100).found);
  }

  @Test
  void invalidBytesAndNulsCostTheirLineOnly() throws IOException {
    byte[] log = LogFiles.concat(LogFiles.utf8("ok\n"), new byte[] {'x', (byte) 0xff, '\n'}, new byte[] {'y', 0, '\n'},
        new byte[] {(byte) 0xed, (byte) 0xa0, (byte) 0x80, '\n'}, LogFiles.utf8("né\n"));
    assertEquals(List.of("ok", "<invalid_utf8>", "<nul_byte>", "<invalid_utf8>", "né"), read(log, 100).found);
  }

  @Test
  void longLinesAreSkippedAtTheExactLimit() throws IOException {
    for (int max : new int[] {64, 100, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 200_000}) {
      String fits = "x".repeat(max);
      byte[] log = LogFiles.utf8("a\n" + fits + "\n" + fits + "\r\n" + fits + "y\n" + fits.repeat(5) + "\r\nb\n" + fits + "z");
      assertEquals(List.of("a", fits, fits, "<line_too_long>", "<line_too_long>", "b", "<line_too_long>"),
          read(log, max).found, "limit " + max);
    }
  }

  @Test
  void anyLinesComeBackAsWritten() throws IOException {
    Random random = new Random(5);
    for (int round = 0; round < 20; round++) {
      List<String> lines = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        lines.add("é".repeat(random.nextInt(4)) + "q".repeat(random.nextInt(round * 60 + 1)));
      }
      byte[] log = LogFiles.utf8(String.join("\n", lines) + "\n");
      assertEquals(lines, read(log, 1 << 14).found);
      assertEquals(lines, read(LogFiles.gzip(log), 1 << 14).found);
    }
  }

  @Test
  void gzipMembersAndBzip2StreamsReadAsOne() throws IOException {
    byte[] a = LogFiles.utf8("one\ntw");
    byte[] b = LogFiles.utf8("o\nthree\n");
    Lines gz = read(LogFiles.concat(LogFiles.gzip(a), LogFiles.gzip(b), LogFiles.gzip(new byte[0]), LogFiles.gzip(b)), 100);
    assertEquals(List.of("one", "two", "three", "o", "three"), gz.found);
    assertNull(gz.failure);
    Lines bz = read(LogFiles.concat(LogFiles.bzip2(a), LogFiles.bzip2(b)), 100);
    assertEquals(List.of("one", "two", "three"), bz.found);
    assertNull(bz.failure);
  }

  /** Lines whose content does not compress away, so that a cut loses some of them. */
  private static String noise(int lines) {
    Random random = new Random(1);
    StringBuilder s = new StringBuilder();
    for (int i = 0; i < lines; i++) {
      s.append(i).append(' ').append(Long.toHexString(random.nextLong())).append('\n');
    }
    return s.toString();
  }

  @Test
  void truncatedGzipGivesAllWholeLines() throws IOException {
    String text = noise(5000);
    List<String> all = Arrays.asList(text.split("\n"));
    byte[] gz = LogFiles.gzip(LogFiles.utf8(text));
    int previous = -1;
    for (int size : new int[] {5, 12, 30, 1000, gz.length / 2, gz.length - 9, gz.length - 8, gz.length - 1}) {
      Lines lines = read(Arrays.copyOf(gz, size), 100);
      assertNotNull(lines.failure, "cut at " + size);
      assertTrue(lines.failure.contains("truncated gzip"), lines.failure);
      List<String> whole = new ArrayList<>(lines.found);
      boolean cutShort = whole.remove("<truncated_line>");
      assertEquals(all.subList(0, whole.size()), whole);
      assertTrue(whole.size() >= previous, "more bytes never give fewer lines");
      previous = whole.size();
      // The trailer of eight bytes holds no data: without it all lines are there.
      assertTrue(size < gz.length - 8 || (whole.size() == 5000 && !cutShort));
    }
    assertEquals(5000, previous);
  }

  @Test
  void truncatedBzip2GivesTheWholeLinesOfItsBlocks() throws IOException {
    String text = noise(20_000);
    byte[] bz = LogFiles.bzip2(LogFiles.utf8(text));
    Lines lines = read(Arrays.copyOf(bz, bz.length * 2 / 3), 100);
    assertNotNull(lines.failure);
    long whole = lines.found.stream().filter(l -> !l.startsWith("<")).count();
    assertTrue(whole > 3000, "a block of 100 kB holds over 3,000 lines: " + whole);
    assertEquals(Arrays.asList(text.split("\n")).subList(0, (int) whole), lines.found.subList(0, (int) whole));
  }

  @Test
  void corruptGzipKeepsWhatCameBefore() throws IOException {
    byte[] gz = LogFiles.gzip(LogFiles.utf8(noise(5000)));
    Arrays.fill(gz, gz.length / 2, gz.length / 2 + 64, (byte) 0xff);
    Lines lines = read(gz, 100);
    assertNotNull(lines.failure);
    assertEquals("0 " + Long.toHexString(new Random(1).nextLong()), lines.found.get(0));
  }

  @Test
  void foreignFormsAreNamed() throws IOException {
    Path file = folder.resolve("log");
    Files.write(file, new byte[] {(byte) 0xfd, '7', 'z', 'X', 'Z', 0, 0});
    assertTrue(assertThrows(DataException.class, () -> LogStream.open(file)).getMessage().contains("is xz"));
    Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe, 'a', 0});
    assertTrue(assertThrows(DataException.class, () -> LogStream.open(file)).getMessage().contains("UTF-16"));
  }
}
