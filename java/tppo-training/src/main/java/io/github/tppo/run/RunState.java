// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * How far a run has come: {@code state.json}, one entry a stage, rewritten atomically at every change. Not thread
 * safe: it belongs to the thread that runs the stages.
 */
public final class RunState {
  private static final ObjectMapper MAPPER = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  /**
   * A stage that was begun.
   *
   * @param config hash of the keys of the configuration on which it depends
   * @param inputs hash of the entries of the stages that it reads
   * @param finished whether its files are complete
   * @param seconds time spent so far, all attempts together
   * @param figures what the stage measured, by name
   */
  public record Entry(
      @JsonProperty(required = true) String config,
      @JsonProperty(required = true) String inputs,
      @JsonProperty(required = true) boolean finished,
      @JsonProperty(required = true) double seconds,
      @JsonProperty(required = true) Map<String, Double> figures) {
    /** Checks that nothing is null. */
    public Entry {
      if (config == null || inputs == null || figures == null || figures.values().stream().anyMatch(Objects::isNull)) {
        throw new IllegalArgumentException("a stage's entry holds null: config " + config + ", inputs " + inputs + ", figures " + figures);
      }
    }
  }

  private final Path file;
  private final Map<String, Entry> entries;

  private RunState(Path file, Map<String, Entry> entries) {
    this.file = file;
    this.entries = entries;
  }

  static RunState load(Path file) throws IOException {
    if (!Files.exists(file)) {
      return new RunState(file, new LinkedHashMap<>());
    }
    try {
      Map<String, Entry> entries = MAPPER.readValue(file.toFile(), new TypeReference<LinkedHashMap<String, Entry>>() { });
      if (entries == null || entries.values().stream().anyMatch(Objects::isNull)) {
        throw new JsonMappingException(null, "found null, expected an entry for each stage");
      }
      return new RunState(file, entries);
    } catch (JsonProcessingException e) {
      throw new RunException(file + ": not the state of a run (" + e.getOriginalMessage()
          + "); delete it to run all stages again, or choose another --out", e);
    }
  }

  /** The entry of a stage, or null when it was never begun. */
  public Entry entry(String stage) {
    return entries.get(stage);
  }

  /** Whether a stage's files are complete. */
  public boolean finished(String stage) {
    return entries.containsKey(stage) && entries.get(stage).finished();
  }

  /** Seconds spent in each stage that was begun, in the order of beginning. */
  public Map<String, Double> seconds() {
    Map<String, Double> out = new LinkedHashMap<>();
    entries.forEach((stage, entry) -> out.put(stage, entry.seconds()));
    return out;
  }

  /** One figure of every stage that kept it with {@link RunContext#figure}. */
  public Map<String, Double> figures(String name) {
    Map<String, Double> out = new LinkedHashMap<>();
    entries.forEach((stage, entry) -> {
      if (entry.figures().containsKey(name)) {
        out.put(stage, entry.figures().get(name));
      }
    });
    return out;
  }

  void put(String stage, Entry entry) {
    entries.put(stage, entry);
    try {
      AtomicFiles.write(file, MAPPER.writeValueAsString(entries) + "\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void figure(String stage, String name, double value) {
    Entry entry = entries.get(stage);
    Map<String, Double> figures = new LinkedHashMap<>(entry.figures());
    figures.put(name, value);
    put(stage, new Entry(entry.config(), entry.inputs(), entry.finished(), entry.seconds(), figures));
  }
}
