// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.github.tppo.run.MetricsWriter;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What a run's folder holds, read as trees, so that a page can be made of any part of a run and of a run of another
 * version. A missing file is a missing node or an empty list; a broken one is an error that names it.
 */
final class RunFiles {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String LINES = ".jsonl";

  private final Path root;
  private final JsonNode results;
  private final JsonNode config;
  private final Map<String, List<Answer>> answers;

  RunFiles(Path root) throws IOException {
    this.root = root;
    this.results = tree("results.json");
    this.config = tree("config.json");
    this.answers = readAnswers();
  }

  /** {@code results.json}. */
  JsonNode results() {
    return results;
  }

  /** {@code config.json}. */
  JsonNode config() {
    return config;
  }

  /** Answers to held-out users by model, in {@link Models}' order. */
  Map<String, List<Answer>> answers() {
    return answers;
  }

  /** A file of the folder as a tree. */
  JsonNode tree(String relative) throws IOException {
    Path file = root.resolve(relative);
    if (!Files.exists(file)) {
      return MissingNode.getInstance();
    }
    try {
      return JSON.readTree(Files.readString(file, StandardCharsets.UTF_8));
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": not valid JSON: " + e.getOriginalMessage(), e);
    }
  }

  /** Metrics of a stage's folder; empty when it has none. */
  Metrics metrics(String stage) throws IOException {
    List<JsonNode> steps = new ArrayList<>();
    Path file = root.resolve(stage).resolve(MetricsWriter.FILE);
    if (Files.exists(file)) {
      lines(file, steps::add);
    }
    return new Metrics(steps);
  }

  private Map<String, List<Answer>> readAnswers() throws IOException {
    Path folder = root.resolve("evaluate");
    Map<String, List<Answer>> all = new LinkedHashMap<>();
    if (!Files.isDirectory(folder)) {
      return all;
    }
    List<String> names;
    try (Stream<Path> files = Files.list(folder)) {
      names = files.map(f -> f.getFileName().toString()).filter(f -> f.endsWith(LINES))
          .map(f -> f.substring(0, f.length() - LINES.length())).toList();
    }
    for (String name : Models.sorted(names)) {
      List<Answer> list = new ArrayList<>();
      lines(folder.resolve(name + LINES), node -> list.add(Answer.of(node)));
      all.put(name, list);
    }
    return all;
  }

  private static void lines(Path file, java.util.function.Consumer<JsonNode> each) throws IOException {
    try (BufferedReader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      long number = 0;
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        number++;
        if (!line.isBlank()) {
          try {
            each.accept(JSON.readTree(line));
          } catch (JsonProcessingException e) {
            throw new IOException(file + ":" + number + ": not valid JSON: " + e.getOriginalMessage(), e);
          }
        }
      }
    }
  }
}
