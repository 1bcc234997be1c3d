// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Writes a stage's metrics: {@code metrics.jsonl} (one object a step) and a TensorBoard event file beside it. A value
 * that is not finite is null in the first, since JSON has no NaN. Lines are in the operating system's hands after
 * each step and on the device after {@link #sync()}, which belongs before a checkpoint. Not thread safe.
 */
public final class MetricsWriter implements AutoCloseable {
  /** The name of the file of metrics. */
  public static final String FILE = "metrics.jsonl";
  private static final String EVENTS = "events.out.tfevents.";
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final OutputFile lines;
  private final TensorBoardWriter events;
  private final double startSeconds;
  private long lastStep;
  private boolean closed;

  private MetricsWriter(OutputFile lines, TensorBoardWriter events, double startSeconds, long lastStep) {
    this.lines = lines;
    this.events = events;
    this.startSeconds = startSeconds;
    this.lastStep = lastStep;
  }

  /** Begins the metrics of a stage; what is there is replaced. */
  public static MetricsWriter open(Path stageDir) throws IOException {
    return open(stageDir, Long.MIN_VALUE);
  }

  /**
   * Goes on after a checkpoint: later steps, and a line that a kill cut off, are dropped from both files.
   *
   * @param lastStep the last step to keep
   */
  public static MetricsWriter open(Path stageDir, long lastStep) throws IOException {
    Files.createDirectories(Objects.requireNonNull(stageDir, "stageDir"));
    Path file = stageDir.resolve(FILE);
    String kept = Files.exists(file) ? keep(file, lastStep) : "";
    AtomicFiles.write(file, kept);
    try (DirectoryStream<Path> old = Files.newDirectoryStream(stageDir, EVENTS + "*")) {
      for (Path each : old) {
        Files.delete(each);
      }
    }
    double now = System.currentTimeMillis() * 1e-3;
    double elapsed = 0;
    long step = lastStep;
    for (String line : kept.lines().toList()) {
      JsonNode node = MAPPER.readTree(line);
      elapsed = node.path("time_s").asDouble();
      step = node.path("step").asLong();
    }
    double start = now - elapsed;
    TensorBoardWriter events = new TensorBoardWriter(stageDir.resolve(EVENTS + String.format("%010d", (long) start) + ".tppo"), start);
    for (String line : kept.lines().toList()) {
      JsonNode node = MAPPER.readTree(line);
      events.write(node.path("step").asLong(), start + node.path("time_s").asDouble(), values(node));
    }
    return new MetricsWriter(OutputFile.append(file), events, start, step);
  }

  private static String keep(Path file, long lastStep) throws IOException {
    StringBuilder out = new StringBuilder();
    try (BufferedReader in = Files.newBufferedReader(file)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        JsonNode node;
        try {
          node = MAPPER.readTree(line);
        } catch (JsonProcessingException e) {
          break;
        }
        if (!node.path("step").isIntegralNumber() || node.path("step").asLong() > lastStep) {
          break;
        }
        out.append(line).append('\n');
      }
    }
    return out.toString();
  }

  private static Map<String, Double> values(JsonNode node) {
    Map<String, Double> out = new LinkedHashMap<>();
    node.fields().forEachRemaining(field -> {
      if (!field.getKey().equals("step") && !field.getKey().equals("time_s")) {
        out.put(field.getKey(), field.getValue().isNull() ? Double.NaN : field.getValue().asDouble());
      }
    });
    return out;
  }

  /**
   * Writes one step. {@code time_s} is added: seconds since the stage began.
   *
   * @param step larger than the one before
   * @param metrics values by name, in the order in which they are written
   */
  public void write(long step, Map<String, Double> metrics) throws IOException {
    requireOpen();
    Objects.requireNonNull(metrics, "metrics");
    metrics.forEach((name, value) -> {
      Objects.requireNonNull(name, "metrics: a name");
      Objects.requireNonNull(value, () -> "metrics: " + name);
    });
    if (step <= lastStep) {
      throw new IllegalArgumentException("step: " + step + ", expected more than the last one, " + lastStep);
    }
    double now = System.currentTimeMillis() * 1e-3;
    ObjectNode node = MAPPER.createObjectNode();
    node.put("step", step);
    node.put("time_s", Math.round((now - startSeconds) * 1e3) / 1e3);
    metrics.forEach((name, value) -> {
      if (Double.isFinite(value)) {
        node.put(name, value);
      } else {
        node.putNull(name);
      }
    });
    byte[] json = MAPPER.writeValueAsBytes(node); // bytes: a name with half a surrogate pair is refused
    byte[] line = Arrays.copyOf(json, json.length + 1);
    line[json.length] = '\n';
    lines.write(line);
    events.write(step, now, metrics);
    lastStep = step;
  }

  /** Waits until the metrics so far are on the device. */
  public void sync() throws IOException {
    requireOpen();
    lines.sync(false);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the metrics are closed");
    }
  }

  @Override
  public void close() throws IOException {
    closed = true;
    try (events) {
      lines.close();
    }
  }
}
