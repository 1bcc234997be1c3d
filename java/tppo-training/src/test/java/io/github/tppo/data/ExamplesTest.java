// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExamplesTest {
  @TempDir Path folder;
  private final Example one = new Example("u\u2028\"1", new History(List.of("a", "b\tc"), List.of("x.com"), null, List.of("v")),
      List.of("\ud834\udd1e clef", "q2"));

  @Test
  void whatIsWrittenIsRead() throws IOException {
    Path file = folder.resolve("train.jsonl");
    Example two = new Example("2", History.of(List.of("z"), List.of()), List.of());
    Examples.write(file, List.of(one, two));
    assertEquals(List.of(one, two), Examples.read(file));
    assertEquals("{\"user\":\"2\",\"history\":{\"search\":[\"z\"],\"click\":[],\"purchase\":[],\"visit\":[]},\"target_queries\":[]}",
        Files.readAllLines(file).get(1));
    assertEquals(4, one.history().entries());
  }

  @Test
  void aBadLineIsNamedByFileAndLine() throws IOException {
    Path file = folder.resolve("train.jsonl");
    Examples.write(file, List.of(one));
    for (String bad : List.of("{\"user\":", "{\"history\":{}}", "{\"user\":\"u\"}", "[]")) {
      Files.writeString(file, "{\"user\":\"u\",\"history\":{}}\n\n" + bad + "\n");
      String message = assertThrows(DataException.class, () -> Examples.read(file)).getMessage();
      assertTrue(message.contains("train.jsonl:3: not an example: "), message);
    }
    String message = assertThrows(DataException.class, () -> Examples.read(folder.resolve("none.jsonl"))).getMessage();
    assertTrue(message.contains("none.jsonl: no such file"), message);
  }

  @Test
  void aFailedWriteLeavesTheOldFile() throws IOException {
    Path file = folder.resolve("train.jsonl");
    Examples.write(file, List.of(one));
    assertThrows(NullPointerException.class, () -> Examples.write(file, Arrays.asList(one, null, one)));
    assertEquals(List.of(one), Examples.read(file));
    assertFalse(Files.exists(folder.resolve("train.jsonl.tmp")));
  }
}
