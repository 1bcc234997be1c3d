// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** An HTTP server of the tests that answers as it is told to, and behaves when it is told nothing. */
public final class ChatServer implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();

  static {
    System.setProperty("sun.net.httpserver.nodelay", "true"); // or every answer waits 40 ms for an acknowledgement
  }

  /** Answers one request. */
  public interface Answer {
    /** Answers. */
    void to(HttpExchange exchange, JsonNode request) throws IOException, InterruptedException;
  }

  /** A request as it came. */
  public record Received(JsonNode body, String authorization, long nanos) {
    /** The question. */
    public String prompt() {
      return body.path("messages").path(0).path("content").asText();
    }
  }

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Queue<Answer> script = new ConcurrentLinkedQueue<>();
  /** What was received so far. */
  public final List<Received> received = new CopyOnWriteArrayList<>();
  /** Answers when the script has ended. */
  public volatile Answer otherwise = (exchange, request) -> send(exchange, 200, completion(good(request), "stop"));

  /** Starts on a free port of this machine. */
  public ChatServer() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::handle);
    server.setExecutor(threads);
    server.start();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      JsonNode body = JSON.readTree(exchange.getRequestBody());
      received.add(new Received(body, exchange.getRequestHeaders().getFirst("Authorization"), System.nanoTime()));
      Answer next = script.poll();
      (next == null ? otherwise : next).to(exchange, body);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** The next requests are answered so, in this order. */
  ChatServer then(Answer... answers) {
    script.addAll(List.of(answers));
    return this;
  }

  /** The base URL. */
  public String url() {
    return "http://localhost:" + server.getAddress().getPort() + "/v1";
  }

  /** An answer with this status, these headers (name, value, ...) and an error of the usual form. */
  public static Answer status(int status, String... headers) {
    return (exchange, request) -> {
      for (int i = 0; i < headers.length; i += 2) {
        exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
      }
      send(exchange, status, "{\"error\":{\"message\":\"told to say " + status + "\"}}");
    };
  }

  /** A completion with this content. */
  public static Answer says(String content) {
    return (exchange, request) -> send(exchange, 200, completion(content, "stop"));
  }

  /** Status 200 with this body, whatever it is. */
  static Answer body(String body) {
    return (exchange, request) -> send(exchange, 200, body);
  }

  /** Announces more than it sends, then closes the connection. */
  static Answer breaksOff() {
    return (exchange, request) -> {
      exchange.sendResponseHeaders(200, 10_000);
      exchange.getResponseBody().write("{\"choices\":[{".getBytes(StandardCharsets.UTF_8));
      exchange.getResponseBody().flush();
    };
  }

  /** Closes the connection without an answer. */
  static Answer hangsUp() {
    return (exchange, request) -> { };
  }

  /** Answers too late. */
  static Answer slow(long ms) {
    return (exchange, request) -> {
      Thread.sleep(ms);
      send(exchange, 200, completion(good(request), "stop"));
    };
  }

  /** Begins at once and then sends a byte now and then, without end. */
  static Answer drips() {
    return (exchange, request) -> {
      exchange.sendResponseHeaders(200, 0);
      for (int i = 0; i < 200; i++) {
        exchange.getResponseBody().write(' ');
        exchange.getResponseBody().flush();
        Thread.sleep(20);
      }
    };
  }

  static void send(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().putIfAbsent("Content-Type", List.of("application/json"));
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  static String completion(String content, String finishReason) {
    ObjectNode body = JSON.createObjectNode().put("id", "x").put("object", "chat.completion");
    body.putArray("choices").addObject().put("index", 0).put("finish_reason", finishReason)
      .putObject("message").put("role", "assistant").put("content", content);
    body.putObject("usage").put("prompt_tokens", 100).put("completion_tokens", 7);
    return body.toString();
  }

  /** A reply in which every word longer than three letters is relevant, and so is a whole that has one; "tie" for a pair. */
  public static String good(JsonNode request) {
    String prompt = request.path("messages").path(0).path("content").asText();
    if (prompt.contains("First prediction:")) {
      return "{\"better\": \"tie\"}";
    }
    ObjectNode reply = JSON.createObjectNode();
    boolean whole = prompt.contains("shoes");
    if (prompt.contains("Their words")) {
      whole = false;
      ArrayNode words = reply.putArray("words");
      for (String word : words(prompt)) {
        words.addObject().put("word", word).put("score", word.length() > 3 ? 1 : 0);
        whole |= word.length() > 3;
      }
    }
    return reply.put("whole", whole ? 1 : 0).toString();
  }

  /** The words that a prompt of the token template asks about. */
  public static List<String> words(String prompt) {
    String[] lines = prompt.split("\n");
    for (int i = 0; i + 1 < lines.length; i++) {
      if (lines[i].startsWith("Their words")) {
        try {
          return List.of(JSON.readValue(lines[i + 1], String[].class));
        } catch (IOException e) {
          throw new AssertionError("no list of words: " + lines[i + 1], e);
        }
      }
    }
    throw new AssertionError("no words in " + prompt);
  }

  /** An address of this machine at which nobody listens. */
  static String deadUrl() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return "http://localhost:" + socket.getLocalPort() + "/v1";
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
