// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.data.LogFiles.Prepared;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nothing malformed stops the stage; all of it is counted by its reason. */
class PrepareHostileInputTest {
  private static final String GOOD = LogFiles.aolUsers(30, 6);
  @TempDir Path folder;

  private Prepared prepare(String rows, String... settings) throws IOException {
    return LogFiles.prepare(folder, "log.txt", LogFiles.utf8(rows), settings);
  }

  /** The good log stays whole beside bad rows, and every row is accounted for. */
  private Prepared check(byte[] log, Map<String, Long> dropped, String... settings) throws IOException {
    Prepared p = LogFiles.prepare(folder, "log.txt", log, settings);
    assertEquals(dropped, p.stats().rowsDropped());
    long total = dropped.values().stream().mapToLong(Long::longValue).sum();
    assertEquals(180 + total, p.stats().rowsRead());
    assertEquals(180, p.stats().rowsKept());
    assertEquals(30, p.train().size());
    assertEquals(List.of(LogFiles.query(7, 3), LogFiles.query(7, 4), LogFiles.query(7, 5)), p.user("u7").targets());
    return p;
  }

  @Test
  void badRowsAreCountedByReason() throws IOException {
    String bad = "u1\tonly two\n"
        + "u1\tsix\t2006-03-01 00:00:00\t1\thttp://a.com\tmore\n"
        + "u1\tbad date\t2006-02-30 00:00:00\t\t\n"
        + "u1\tbad date\tyesterday\t\t\n"
        + "\tnobody\t2006-03-01 00:00:00\t\t\n"
        + "u1\t-\t2006-03-01 00:00:00\t\t\n"
        + "u1\twww.example.com\t2006-03-01 00:00:00\t\t\n"
        + "u1\t" + "long ".repeat(30) + "\t2006-03-01 00:00:00\t\t\n"
        + "\n  \n";
    Prepared p = check(LogFiles.utf8(GOOD + bad), Map.of("wrong_column_count", 2L, "bad_time", 2L, "no_user", 1L,
        "empty_query", 1L, "url_query", 1L, "too_long_query", 1L, "blank_line", 2L));
    assertEquals(182, p.stats().files().get(0).firstLine().get("wrong_column_count"));
    assertEquals(1, p.stats().headerLines());
  }

  @Test
  void badBytesAndLongLinesAreCounted() throws IOException {
    byte[] bad = LogFiles.concat(new byte[] {'u', '1', '\t', (byte) 0xc3, '\t', '\n', 'u', 0, '\n'},
        LogFiles.utf8("u1\t" + "x".repeat(5_000_000) + "\n"));
    check(LogFiles.concat(LogFiles.utf8(GOOD), bad), Map.of("invalid_utf8", 1L, "nul_byte", 1L, "line_too_long", 1L),
        "max_line_bytes=4096");
  }

  @Test
  void crlfBomAndRepeatedHeadersChangeNothing() throws IOException {
    Prepared plain = check(LogFiles.utf8(GOOD), Map.of());
    String windows = "\ufeff" + GOOD.replace("\n", "\r\n") + "\ufeff" + LogFiles.AOL_HEADER;
    Prepared other = check(LogFiles.utf8(windows), Map.of());
    assertEquals(plain.train(), other.train());
    assertEquals(2, other.stats().headerLines());
  }

  @Test
  void loneCrAndLineSeparatorsAreSpaceInsideAQuery() throws IOException {
    String log = GOOD + LogFiles.aol("u9", "new\rline\u2028here", 99);
    Prepared p = prepare(log);
    assertEquals(Map.of(), p.stats().rowsDropped());
    assertEquals("new line here", p.user("u9").targets().get(2));
    long lines;
    try (Stream<String> s = Files.lines(folder.resolve("data/train.jsonl"))) {
      lines = s.count();
    }
    assertEquals(30, lines);
  }

  @Test
  void twoGzipMembersReadAsOneLog() throws IOException {
    byte[] log = LogFiles.utf8(GOOD);
    byte[] twice = LogFiles.concat(LogFiles.gzip(Arrays.copyOf(log, 1000)),
        LogFiles.gzip(Arrays.copyOfRange(log, 1000, log.length)));
    assertEquals(List.of(), check(twice, Map.of()).stats().warnings());
    assertEquals(List.of(), check(LogFiles.bzip2(log), Map.of()).stats().warnings());
  }

  @Test
  void aTruncatedGzipGivesItsWholeLinesAndAWarningThatNamesIt() throws IOException {
    byte[] gz = LogFiles.gzip(LogFiles.utf8(LogFiles.aolUsers(300, 6)));
    Prepared p = LogFiles.prepare(folder, "cut.gz", Arrays.copyOf(gz, gz.length * 3 / 4));
    assertTrue(p.stats().rowsKept() > 300 && p.stats().rowsKept() < 1800, p.stats().toString());
    assertEquals(p.stats().rowsRead(), p.stats().rowsKept() + p.dropped("truncated_line"));
    String warning = p.stats().warnings().get(0);
    assertTrue(warning.contains("cut.gz") && warning.contains("truncated gzip"), warning);
  }

  @Test
  void aUserWhoComesBackLaterIsBroughtTogether() throws IOException {
    String late = LogFiles.aol("u3", "late query", 500) + LogFiles.aol("u4", "early query", 0);
    Prepared p = prepare(GOOD + late);
    assertEquals("late query", p.user("u3").targets().get(2));
    assertEquals(List.of(LogFiles.query(4, 0), "early query", LogFiles.query(4, 1), LogFiles.query(4, 2)),
        p.user("u4").history().search());
    assertEquals(30, p.stats().users());
    assertEquals(Map.of("user_not_contiguous", 2L, "user_not_in_order_of_time", 1L), p.stats().usersNoted());
  }

  @Test
  void robotsAreDroppedWithTheirRows() throws IOException {
    Prepared p = prepare(GOOD + LogFiles.aolUsers(1, 500).replace("u0\t", "robot\t"), "max_rows_per_user=100");
    assertEquals(Map.of("too_many_rows", 1L), p.stats().usersDropped());
    assertEquals(Map.of("too_many_rows_of_user", 500L), p.stats().rowsDropped());
    assertEquals(180, p.stats().rowsKept());
  }

  @Test
  void usersWithoutAnExampleAreCountedByReason() throws IOException {
    String more = LogFiles.aol("a", "www.example.com", 1) + LogFiles.aol("a", "-", 1)
        + LogFiles.aol("b", "one", 1) + LogFiles.aol("b", "two", 2) + LogFiles.aol("b", "three", 3);
    Prepared p = prepare(GOOD + more);
    assertEquals(Map.of("no_usable_query", 1L, "too_few_distinct_queries", 1L), p.stats().usersDropped());
    assertEquals(32, p.stats().users());
  }

  private String error(String name, byte[] log, String... settings) {
    return assertThrows(DataException.class, () -> LogFiles.prepare(folder, name, log, settings)).getMessage();
  }

  @Test
  void aFileOfAnotherFormIsAnErrorThatSaysSo() {
    String message = error("log.txt", LogFiles.utf8(GOOD), "form=excite");
    assertTrue(message.contains("log.txt: 181 of 181 rows are not of the form excite"), message);
    assertTrue(message.contains("wrong_column_count 181, first in line 1") && message.contains("yyMMddHHmmss"), message);
    assertFalse(Files.exists(folder.resolve("data/train.jsonl")));
    assertFalse(Files.exists(folder.resolve("data/prepare.tmp")));
  }

  @Test
  void aHalfBrokenFileIsAWarning() throws IOException {
    Prepared p = prepare(GOOD + "junk\n".repeat(60));
    assertTrue(p.stats().warnings().get(0).contains("60 of 240 rows are malformed (wrong_column_count 60"),
        p.stats().warnings().toString());
  }

  @Test
  void nothingToTrainOnIsAnErrorWithCounts() {
    String message = error("log.txt", LogFiles.utf8(LogFiles.aolUsers(5, 3)));
    assertTrue(message.contains("no training example") && message.contains("too_few_distinct_queries=5"), message);
    assertTrue(error("empty.txt", new byte[0]).contains("no rows"));
  }

  @Test
  void missingFilesAndEmptyGlobsAreErrors() {
    for (String path : List.of("none.txt", "*.none", "a/b/**.gz")) {
      DataConfig config = LogFiles.config(List.of(folder.resolve(path)));
      String message = assertThrows(DataException.class, () -> LogFiles.prepare(folder, config)).getMessage();
      assertTrue(message.startsWith("data.files: ") && message.contains(path.substring(path.lastIndexOf('/') + 1)), message);
    }
    DataConfig directory = LogFiles.config(List.of(folder));
    assertTrue(assertThrows(DataException.class, () -> LogFiles.prepare(folder, directory)).getMessage()
        .contains("is a directory"));
    DataConfig none = LogFiles.config(List.of());
    assertTrue(assertThrows(DataException.class, () -> LogFiles.prepare(folder, none)).getMessage()
        .contains("data.files: empty"));
  }
}
