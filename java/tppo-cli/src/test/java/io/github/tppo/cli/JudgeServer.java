// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;

/** A server that judges: words of more than five letters are relevant. Its answers carry their question, so that one knows which are stored. */
final class JudgeServer implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  static {
    System.setProperty("sun.net.httpserver.nodelay", "true"); // or every answer waits 40 ms for an acknowledgement
  }

  private final HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private volatile Set<String> refused = Set.of();

  JudgeServer() throws IOException {
    server.createContext("/", this::answer);
    server.setExecutor(threads);
    server.start();
  }

  String url() {
    return "http://localhost:" + server.getAddress().getPort() + "/v1";
  }

  /** The questions since {@link #forget}. */
  List<String> asked() {
    return asked;
  }

  void forget() {
    asked.clear();
  }

  /** Answers these questions with an error that ends the run. */
  void refuse(Set<String> questions) {
    refused = questions;
  }

  /** The questions whose answers are stored in a folder. */
  static Set<String> answers(Path replies) throws IOException {
    Set<String> questions = new HashSet<>();
    if (Files.exists(replies)) {
      try (Stream<Path> files = Files.list(replies)) {
        for (Path file : files.toList()) {
          String text = Files.readString(file);
          for (String line : text.substring(0, text.lastIndexOf('\n') + 1).lines().toList()) { // the last one may be torn
            questions.add(JSON.readTree(JSON.readTree(line).path("reply").asText()).path("id").asText());
          }
        }
      }
    }
    return questions;
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String question = JSON.readTree(exchange.getRequestBody()).path("messages").path(0).path("content").asText();
      asked.add(question);
      boolean again = refused.contains(question);
      ObjectNode body = JSON.createObjectNode().put("id", question);
      body.putArray("choices").addObject().put("finish_reason", "stop").putObject("message").put("content", judgement(question).toString());
      byte[] bytes = (again ? "asked before" : body.toString()).getBytes("UTF-8");
      exchange.sendResponseHeaders(again ? 403 : 200, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }

  private static JsonNode judgement(String question) throws IOException {
    List<String> lines = question.lines().toList();
    int at = 0;
    while (at < lines.size() && !lines.get(at).startsWith("Their words")) {
      at++;
    }
    ObjectNode reply = JSON.createObjectNode();
    boolean whole = question.length() % 2 == 0;
    if (at < lines.size()) {
      ArrayNode words = reply.putArray("words");
      whole = false;
      for (String word : JSON.readValue(lines.get(at + 1), String[].class)) {
        words.addObject().put("word", word).put("score", word.length() > 5 ? 1 : 0);
        whole |= word.length() > 5;
      }
    }
    return reply.put("whole", whole ? 1 : 0);
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
