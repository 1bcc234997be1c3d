// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsWriterTest {
  @TempDir
  Path dir;

  private List<JsonNode> rows() throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    List<JsonNode> rows = new java.util.ArrayList<>();
    for (String line : Files.readAllLines(dir.resolve(MetricsWriter.FILE))) {
      rows.add(mapper.readTree(line));
    }
    return rows;
  }

  private Path events() throws IOException {
    try (Stream<Path> list = Files.list(dir)) {
      List<Path> found = list.filter(p -> p.getFileName().toString().contains("tfevents")).toList();
      assertEquals(1, found.size());
      return found.get(0);
    }
  }

  @Test
  void oneObjectAStep() throws IOException {
    try (MetricsWriter writer = MetricsWriter.open(dir)) {
      writer.write(1, Map.of("objective/kl", 0.25));
      writer.write(2, Map.of("objective/kl", Double.NaN));
      assertEquals(2, rows().size(), "a step is on file as soon as it is written");
      assertThrows(IllegalArgumentException.class, () -> writer.write(2, Map.of()));
      writer.sync();
    }
    assertEquals(1, rows().get(0).get("step").asInt());
    assertEquals(0.25, rows().get(0).get("objective/kl").asDouble());
    assertTrue(rows().get(0).get("time_s").isNumber());
    assertTrue(rows().get(1).get("objective/kl").isNull());
  }

  @Test
  void resumeDropsLaterStepsAndATornLine() throws IOException {
    try (MetricsWriter writer = MetricsWriter.open(dir)) {
      for (int step = 1; step <= 5; step++) {
        writer.write(step, Map.of("loss", (double) step));
      }
    }
    Files.writeString(dir.resolve(MetricsWriter.FILE), "{\"step\":6,\"los", StandardOpenOption.APPEND);
    try (MetricsWriter writer = MetricsWriter.open(dir, 3)) {
      writer.write(4, Map.of("loss", 40.0));
    }
    assertEquals(List.of(1.0, 2.0, 3.0, 40.0), rows().stream().map(r -> r.get("loss").asDouble()).toList());
    assertEquals(List.of(1L, 2L, 3L, 4L), TensorBoardWriterTest.steps(events()));
    try (MetricsWriter writer = MetricsWriter.open(dir)) {
      writer.write(0, Map.of());
    }
    assertEquals(1, rows().size());
  }
}
