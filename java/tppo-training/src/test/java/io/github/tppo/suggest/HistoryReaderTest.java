// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.data.History;
import java.io.IOException;
import java.io.StringReader;
import java.util.List;
import org.junit.jupiter.api.Test;

class HistoryReaderTest {
  private static List<History> read(String json) throws IOException {
    return HistoryReader.read(new StringReader(json), "in");
  }

  private static String fault(String json) {
    return assertThrows(IllegalArgumentException.class, () -> read(json)).getMessage();
  }

  @Test
  void historyExampleAndLines() throws IOException {
    History a = History.of(List.of("a", "b"), List.of());
    assertEquals(List.of(a), read("{\"search\": [\"a\", \"b\"]}"));
    assertEquals(List.of(a), read("{\"user\": \"u\", \"history\": {\"search\": [\"a\", \"b\"], \"click\": null}, \"target_queries\": [\"c\"]}"));
    assertEquals(List.of(a, History.of(List.of(), List.of("h"))),
        read("{\"search\": [\"a\", \"b\"]}\n\n{\"click\": [\"h\"], \"other\": 1}\n"));
  }

  @Test
  void faultsSayWhichObjectAndWhat() {
    assertTrue(fault("").contains("in: empty, expected a JSON object"));
    assertEquals("in, object 2: found number, expected an object with search, click, purchase, visit", fault("{\"search\": []} 5"));
    assertEquals("in, object 1: has none of search, click, purchase, visit", fault("{\"searches\": [\"a\"]}"));
    assertEquals("in, object 1: search: expected a list of strings, oldest first", fault("{\"search\": \"a\"}"));
    assertEquals("in, object 1: search[1]: found 5, expected a string", fault("{\"search\": [\"a\", 5]}"));
    assertTrue(fault("{\"search\": [\n\"a\"").startsWith("in:2: not valid JSON: "));
    assertTrue(fault("{\"search\": [\"a\"]}\n{\"search\": [").startsWith("in:2: not valid JSON: "));
  }
}
