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
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * What a run's folder holds, read as trees, so that a page can be made of any part of a run and of a run of another
 * version. A missing file is a missing node or an empty list; a broken one is an error that names it. A folder of several
 * seeds holds a run in {@code seed-N} for each of them and the results of all of them itself.
 */
final class RunFiles {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String LINES = ".jsonl";

  private final Path root;
  private final String name;
  private final JsonNode results;
  private final List<RunFiles> runs;
  private final Map<String, List<Answer>> answers;

  RunFiles(Path root) throws IOException {
    this(root, "", seeds(root));
  }

  private RunFiles(Path root, String name, List<String> seeds) throws IOException {
    this.root = root;
    this.name = name;
    this.results = read("results.json");
    List<RunFiles> parts = new ArrayList<>();
    for (String seed : seeds) {
      parts.add(new RunFiles(root.resolve("seed-" + seed), seed, List.of()));
    }
    this.runs = seeds.isEmpty() ? List.of(this) : parts;
    this.answers = seeds.isEmpty() ? readAnswers() : pooled();
  }

  /** The seeds that the folder's configuration asks for; none for a run. Folders of other seeds may lie about. */
  private static List<String> seeds(Path root) throws IOException {
    List<String> seeds = new ArrayList<>();
    for (JsonNode seed : read(root.resolve("config.json")).path("experiment").path("seeds")) {
      if (Files.isDirectory(root.resolve("seed-" + seed.asText()))) {
        seeds.add(seed.asText());
      }
    }
    return seeds;
  }

  /** {@code results.json}, of all seeds. */
  JsonNode results() {
    return results;
  }

  /** {@code config.json}; the first seed's when the folder has none of its own. */
  JsonNode config() throws IOException {
    return tree("config.json");
  }

  /** The runs of the seeds; only this one when it is a run itself. */
  List<RunFiles> runs() {
    return runs;
  }

  /** The seed of a run that is one of several, else empty. */
  String seed() {
    return name;
  }

  /** Answers of the compared models to held-out users by model, in {@link Models}' order, of all seeds. */
  Map<String, List<Answer>> answers() {
    return answers;
  }

  /** A file of the folder as a tree; the first seed's when the folder has none of its own. */
  JsonNode tree(String relative) throws IOException {
    JsonNode own = read(relative);
    return own.isMissingNode() && runs.get(0) != this ? runs.get(0).read(relative) : own;
  }

  private JsonNode read(String relative) throws IOException {
    return read(root.resolve(relative));
  }

  private static JsonNode read(Path file) throws IOException {
    if (!Files.exists(file)) {
      return MissingNode.getInstance();
    }
    try {
      return JSON.readTree(Files.readString(file, StandardCharsets.UTF_8));
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": not valid JSON: " + e.getOriginalMessage(), e);
    }
  }

  /** Metrics of a stage's folder in all runs; empty when none has any. */
  Metrics metrics(String stage) throws IOException {
    return metrics(runs, stage);
  }

  /** Metrics of a stage's folder in some runs. */
  static Metrics metrics(List<RunFiles> runs, String stage) throws IOException {
    List<List<JsonNode>> all = new ArrayList<>();
    for (RunFiles run : runs) {
      List<JsonNode> steps = run.lines(stage + "/" + MetricsWriter.FILE);
      if (!steps.isEmpty()) {
        all.add(steps);
      }
    }
    return new Metrics(all);
  }

  /** The objects of a file with one a line; empty when it is missing. */
  List<JsonNode> lines(String relative) throws IOException {
    List<JsonNode> all = new ArrayList<>();
    Path file = root.resolve(relative);
    if (Files.exists(file)) {
      lines(file, all::add);
    }
    return all;
  }

  /** Names of the folders and files below a folder, sorted; empty when it is missing. */
  List<String> names(String relative) throws IOException {
    Path folder = root.resolve(relative);
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  private Map<String, List<Answer>> readAnswers() throws IOException {
    Map<String, List<Answer>> all = new LinkedHashMap<>();
    JsonNode compared = results.path("relevance_rate").path("token_template");
    List<String> names = names("evaluate").stream().filter(f -> f.endsWith(LINES))
        .map(f -> f.substring(0, f.length() - LINES.length()))
        .filter(model -> compared.isEmpty() || compared.has(model)).toList(); // the others are ablations
    for (String model : Models.sorted(names)) {
      List<Answer> list = new ArrayList<>();
      lines(root.resolve("evaluate").resolve(model + LINES), node -> list.add(Answer.of(node)));
      all.put(model, list);
    }
    return all;
  }

  private Map<String, List<Answer>> pooled() {
    Map<String, List<Answer>> all = new LinkedHashMap<>();
    List<String> names = runs.stream().flatMap(r -> r.answers().keySet().stream()).distinct().toList();
    for (String model : Models.sorted(names)) {
      all.put(model, runs.stream().flatMap(r -> r.answers().getOrDefault(model, List.of()).stream()).toList());
    }
    return all;
  }

  private static void lines(Path file, Consumer<JsonNode> each) throws IOException {
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
