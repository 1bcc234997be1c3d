// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a run's folder holds, byte by byte but for what differs between any two runs: times and speeds, what was asked of a server
 * ({@code usage}: a question under way at a kill is asked again), the order in which answers of a server came, and who held the lock.
 */
final class RunFiles {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Set<String> APART = Set.of("time", "time_s", "timing_s", "seconds", "rows_per_s", "tokens_per_s", "usage");
  private static final int WALL_TIME = 9;

  private RunFiles() {}

  /** Fails with the names of the files that differ, or with the first difference. */
  static void assertSame(Path expected, Path actual) throws IOException {
    Map<String, String> one = of(expected);
    Map<String, String> other = of(actual);
    assertEquals(String.join("\n", one.keySet()), String.join("\n", other.keySet()), "the files of " + actual);
    assertEquals("", one.keySet().stream().filter(name -> !one.get(name).equals(other.get(name))).collect(Collectors.joining("\n")),
        "files of " + actual + " that differ from those of " + expected);
  }

  private static Map<String, String> of(Path run) throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> files = Files.walk(run)) {
      for (Path file : files.filter(f -> !Files.isDirectory(f)).toList()) {
        String name = run.relativize(file).toString().replaceFirst("tfevents\\.\\d+", "tfevents");
        all.put(name, content(name, file));
      }
    }
    return all;
  }

  private static String content(String name, Path file) throws IOException {
    if (name.equals(".lock")) {
      return "";
    }
    byte[] bytes = Files.readAllBytes(file);
    if (name.contains("tfevents")) {
      return events(bytes);
    }
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    if (name.endsWith(".jsonl")) {
      Stream<String> lines = text.lines().map(RunFiles::withoutTimes);
      return (name.startsWith("replies") ? lines.sorted() : lines).collect(Collectors.joining("\n"));
    }
    if (name.endsWith(".html")) {
      return text.replaceFirst("(?s)<section id=\"time\">.*?</section>", "").replaceAll("<data value=\"[^\"]*\">[0-9.]+ (s|min [0-9]+ s|h [0-9]+ min)</data>", "");
    }
    return name.endsWith(".json") ? withoutTimes(text) : text;
  }

  private static String withoutTimes(String json) {
    try {
      JsonNode tree = JSON.readTree(json);
      remove(tree);
      return tree.toString();
    } catch (IOException e) {
      throw new AssertionError(json, e);
    }
  }

  private static void remove(JsonNode tree) {
    if (tree instanceof ObjectNode object) {
      object.remove(APART);
    }
    tree.forEach(RunFiles::remove);
  }

  /** Frames of a length, its checksum, an event that begins with its time, and a checksum over that. */
  private static String events(byte[] bytes) {
    StringBuilder out = new StringBuilder();
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    while (in.hasRemaining()) {
      byte[] event = new byte[(int) in.getLong()];
      in.getInt();
      in.get(event);
      in.getInt();
      out.append(new String(event, WALL_TIME, event.length - WALL_TIME, StandardCharsets.ISO_8859_1)).append('\n');
    }
    return out.toString();
  }
}
