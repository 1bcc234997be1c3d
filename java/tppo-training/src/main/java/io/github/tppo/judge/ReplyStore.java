// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.OutputFile;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Every answer of a server as it came, one a line, never changed: {@code {"key": hash of the question, "time": .., "reply": body}}.
 * Memory holds only where each stands. A kill loses at most the line being written, which the next run cuts off. Safe for
 * several threads.
 */
final class ReplyStore implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();

  private record Place(long start, int length) {
  }

  private final Path path;
  private final Map<String, List<Place>> places = new HashMap<>();
  private RandomAccessFile file;

  /** @param path the file; the first question creates it */
  ReplyStore(Path path) {
    this.path = path;
  }

  /** The replies to a question, oldest first. */
  synchronized List<String> replies(String key) throws IOException {
    open();
    List<String> replies = new ArrayList<>();
    for (Place place : places.getOrDefault(key, List.of())) {
      byte[] line = new byte[place.length()];
      file.seek(place.start());
      file.readFully(line);
      replies.add(parse(line, "").path("reply").asText());
    }
    return replies;
  }

  /** Keeps a reply to a question. */
  synchronized void add(String key, String reply) throws IOException {
    open();
    byte[] line = (JSON.createObjectNode().put("key", key).put("time", Instant.now().toString()).put("reply", reply) + "\n")
      .getBytes(StandardCharsets.UTF_8);
    long start = file.length();
    file.seek(start);
    try {
      file.write(line);
    } catch (IOException e) {
      file.setLength(start); // a half line would spoil the next one
      throw OutputFile.failure(path, e);
    }
    places.computeIfAbsent(key, k -> new ArrayList<>()).add(new Place(start, line.length));
  }

  @Override
  public synchronized void close() throws IOException {
    if (file != null) {
      file.close();
      file = null;
      places.clear();
    }
  }

  private void open() throws IOException {
    if (file != null) {
      return;
    }
    Files.createDirectories(path.toAbsolutePath().getParent());
    LabelFiles.cutTornLine(path);
    if (Files.exists(path)) {
      index();
    }
    file = new RandomAccessFile(path.toFile(), "rw");
  }

  private void index() throws IOException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(path), 1 << 16)) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      long start = 0;
      int number = 0;
      for (int b = in.read(); b >= 0; b = in.read()) {
        line.write(b);
        if (b == '\n') {
          String key = parse(line.toByteArray(), path + ":" + ++number).path("key").asText();
          places.computeIfAbsent(key, k -> new ArrayList<>()).add(new Place(start, line.size()));
          start += line.size();
          line.reset();
        }
      }
    }
  }

  private static JsonNode parse(byte[] line, String where) throws IOException {
    try {
      JsonNode node = JSON.readTree(line);
      if (node.path("key").isTextual() && node.path("reply").isTextual()) {
        return node;
      }
    } catch (JsonProcessingException e) {
      throw new IOException(where + ": not a stored reply: " + e.getOriginalMessage(), e);
    }
    throw new IOException(where + ": not a stored reply: key or reply is missing");
  }
}
