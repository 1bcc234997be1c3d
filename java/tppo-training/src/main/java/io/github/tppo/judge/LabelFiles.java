// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.OutputFile;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/** The files of a labels folder. A kill loses at most the line being written; the next run cuts such a line off. */
final class LabelFiles implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int BLOCK = 1 << 16;
  private static final String ASKED = "asked";

  private final Template template;
  private final Path labels;
  private final Path rejected;
  private final Path stats;
  private OutputFile labelsOut;
  private OutputFile rejectedOut;

  LabelFiles(Path dir, Template template) throws IOException {
    Files.createDirectories(dir);
    this.template = template;
    labels = dir.resolve(template.key() + ".jsonl");
    rejected = dir.resolve("rejected.jsonl");
    stats = dir.resolve("stats.json");
  }

  /**
   * Counts what is labelled already and returns the keys; then the files are open for more.
   *
   * @throws IOException when a line is bad, or the labels are another template's
   */
  Set<String> open(LabelStats.Counter counter, String templateSha256) throws IOException {
    cutTornLine(labels);
    cutTornLine(rejected);
    String before = readStats().path("template_sha256").asText(templateSha256);
    if (Files.exists(labels) && Files.size(labels) > 0 && !before.equals(templateSha256)) {
      throw new IOException(labels + ": labelled with another " + template.key() + " template than the one of now; delete "
        + labels.getParent() + " to label anew, or put the template back");
    }
    Set<String> keys = new HashSet<>();
    if (Files.exists(labels)) {
      try (BufferedReader lines = Files.newBufferedReader(labels, StandardCharsets.UTF_8)) {
        int number = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          LabelledResponse response = LabelledResponse.parse(line, labels + ":" + ++number);
          if (keys.add(key(response.user(), response.stream()))) {
            counter.add(response);
            counter.ask(JSON.readTree(line).path(ASKED).asInt(1));
          }
        }
      }
    }
    forgetRejected();
    labelsOut = OutputFile.append(labels);
    rejectedOut = OutputFile.append(rejected);
    return keys;
  }

  static String key(String user, long stream) {
    return stream + " " + user;
  }

  /** @param asked how often the judge was asked for it; 1 goes without saying */
  void label(LabelledResponse response, int asked) throws IOException {
    ObjectNode line = JSON.valueToTree(response);
    if (asked != 1) {
      line.put(ASKED, asked);
    }
    writeLine(labelsOut, line);
  }

  /** Sets a response aside. */
  void reject(GeneratedResponse response, String text, String reason, String detail) throws IOException {
    ObjectNode line = JSON.createObjectNode().put("template", template.key())
      .put("user", response.example().user()).put("stream", response.stream())
      .put("reason", reason).put("detail", detail).put("text", text);
    writeLine(rejectedOut, line);
  }

  /** This template's entry of the statistics, or a missing node. */
  JsonNode readStats() throws IOException {
    return Files.exists(stats) ? JSON.readTree(stats.toFile()).path(template.key()) : JSON.missingNode();
  }

  /** Puts this template's entry into the statistics and keeps the other one's. */
  void writeStats(LabelStats entry) throws IOException {
    JsonNode old = Files.exists(stats) ? JSON.readTree(stats.toFile()) : JSON.createObjectNode();
    ObjectNode all = old.isObject() ? (ObjectNode) old : JSON.createObjectNode();
    all.set(template.key(), JSON.valueToTree(entry));
    AtomicFiles.write(stats, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(all) + "\n");
  }

  @Override
  public void close() throws IOException {
    try (OutputFile first = labelsOut; OutputFile second = rejectedOut) {
      labelsOut = null;
      rejectedOut = null;
    }
  }

  /** What was set aside is asked again in every run, so this template's old entries go. */
  private void forgetRejected() throws IOException {
    if (!Files.exists(rejected)) {
      return;
    }
    StringBuilder others = new StringBuilder();
    try (BufferedReader lines = Files.newBufferedReader(rejected, StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!JSON.readTree(line).path("template").asText().equals(template.key())) {
          others.append(line).append('\n');
        }
      }
    }
    AtomicFiles.write(rejected, others.toString());
  }

  /** Cuts off what stands after the last line break: a kill came while it was written. */
  static void cutTornLine(Path file) throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
      long end = access.length();
      byte[] block = new byte[BLOCK];
      while (end > 0) {
        long start = Math.max(0, end - BLOCK);
        int n = (int) (end - start);
        access.seek(start);
        access.readFully(block, 0, n);
        while (n > 0 && block[n - 1] != '\n') {
          n--;
        }
        end = start + n;
        if (n > 0) {
          break;
        }
      }
      access.setLength(end);
    }
  }

  private static void writeLine(OutputFile out, ObjectNode line) throws IOException {
    out.write((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
  }
}
