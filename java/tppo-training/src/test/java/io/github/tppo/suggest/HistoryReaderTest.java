// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.data.History;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HistoryReaderTest {
  private static final History A = History.of(List.of("a", "b"), List.of());

  private static InputStream stream(String json) {
    return new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8));
  }

  private static List<History> all(HistoryReader reader) throws IOException {
    try (reader) {
      List<History> out = new ArrayList<>();
      for (History h = reader.next(); h != null; h = reader.next()) {
        out.add(h);
      }
      return out;
    }
  }

  private static List<History> read(String json) throws IOException {
    return all(HistoryReader.values(stream(json), "in"));
  }

  private static String fault(String json) {
    return assertThrows(InputException.class, () -> read(json)).getMessage();
  }

  @Test
  void historyExampleLinesAndArray() throws IOException {
    assertEquals(List.of(A), read("{\"search\": [\"a\",\n \"b\"]}"));
    assertEquals(List.of(A), read("{\"user\": \"u\", \"history\": {\"search\": [\"a\", \"b\"], \"click\": null}, \"target_queries\": [\"c\"]}"));
    String two = "{\"search\": [\"a\", \"b\"]}\n\n{\"click\": [\"h\"], \"other\": 1}\n";
    assertEquals(List.of(A, History.of(List.of(), List.of("h"))), read(two));
    assertEquals(read(two), all(HistoryReader.lines(stream(two), "in")));
    assertEquals(List.of(A, A), read("[{\"search\": [\"a\", \"b\"]},\n{\"search\": [\"a\", \"b\"]}]"));
    assertEquals(List.of(), read(" \n"));
    assertEquals(List.of(History.of(List.of("\u00e9\ud83c\udf55"), List.of())), all(HistoryReader.lines(stream("{\"search\": [\"\u00e9\ud83c\udf55\"]}"), "in")));
  }

  @Test
  void faultsSayWhichLineAndWhat() {
    assertEquals("in:1: found number, expected an object with search, click, purchase, visit", fault("{\"search\": []} 5"));
    assertEquals("in:1: has none of search, click, purchase, visit", fault("{\"searches\": [\"a\"]}"));
    assertEquals("in:1: history: found null, expected an object with search, click, purchase, visit", fault("{\"history\": null}"));
    assertEquals("in:1: search: found string, expected a list of strings, oldest first", fault("{\"search\": \"a\"}"));
    assertEquals("in:3: search[1]: found number, expected a string", fault("{\"search\": []}\n\n{\"search\": [\"a\",\n5]}"));
    assertTrue(fault("{\"search\": [\n\"a\"").startsWith("in:2: not valid JSON: "));
    assertTrue(fault("{\"search\": [\"a\"]}\n{\"search\": [").startsWith("in:2: not valid JSON: "));
    assertEquals("in:1: not valid JSON: Duplicate field 'search'", fault("{\"search\": [\"a\"], \"search\": []}"));
    assertTrue(fault("[".repeat(100_000)).contains("nesting depth"));
  }

  @Test
  void bytesOfAnotherEncodingAreAFaultOfTheInput() {
    byte[] begun = {0, 0, 0, '[', '[', 'Z', '[', 0};
    byte[] later = {0, 0, 0, '[', 0, 0, 0, ' ', '[', 'Z', '[', 0};
    for (byte[] bytes : List.of(begun, later)) {
      String message = assertThrows(InputException.class, () -> all(HistoryReader.values(new ByteArrayInputStream(bytes), "in"))).getMessage();
      assertTrue(message.startsWith("in: not valid UTF-8: Invalid UTF-32"), message);
    }
  }

  @Test
  void linesGoOnAfterABadOne() throws IOException {
    byte[] lines = ("{\"search\": [\"a\", \"b\"]}\n{\"search\": [\"?\"]}\r\n{\"search\"\n5\n{\"search\": []} {}\n\n{\"search\": [\"a\", \"b\"]}")
        .getBytes(StandardCharsets.UTF_8);
    lines[new String(lines, StandardCharsets.UTF_8).indexOf('?')] = (byte) 0xff;
    try (HistoryReader reader = HistoryReader.lines(new ByteArrayInputStream(lines), "in")) {
      assertEquals(A, reader.next());
      String utf8 = assertThrows(InputException.class, reader::next).getMessage();
      assertTrue(utf8.startsWith("in:2: ") && utf8.contains("UTF-8"), utf8);
      assertTrue(assertThrows(InputException.class, reader::next).getMessage().startsWith("in:3: not valid JSON: "));
      assertEquals("in:4: found number, expected an object with search, click, purchase, visit",
          assertThrows(InputException.class, reader::next).getMessage());
      assertEquals("in:5: not valid JSON: Trailing token (of type START_OBJECT) found after value",
          assertThrows(InputException.class, reader::next).getMessage());
      assertEquals(A, reader.next());
      assertNull(reader.next());
    }
  }

    @Test
  void whatWasReadIsNotKept() throws IOException {
    int many = 60_000;
    byte[] line = ("{\"search\": [\"" + "x".repeat(1000) + "\"]}\n").getBytes(StandardCharsets.UTF_8);
    InputStream endless = new InputStream() {
      private long at;

      @Override
      public int read() {
        return at == (long) many * line.length ? -1 : line[(int) (at++ % line.length)];
      }

      @Override
      public int read(byte[] into, int from, int length) {
        int n = 0;
        for (int b; n < length && (b = read()) >= 0; n++) {
          into[from + n] = (byte) b;
        }
        return n == 0 ? -1 : n;
      }
    };
    Runtime runtime = Runtime.getRuntime();
    System.gc();
    long before = runtime.totalMemory() - runtime.freeMemory();
    int read = 0;
    try (HistoryReader reader = HistoryReader.values(endless, "in")) {
      while (read < many / 2 && reader.next() != null) {
        read++;
      }
      System.gc();
      assertTrue(runtime.totalMemory() - runtime.freeMemory() - before < 10_000_000, "30 MB were read");
      while (reader.next() != null) {
        read++;
      }
    }
    assertEquals(many, read);
  }
}
