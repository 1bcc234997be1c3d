// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.suggest.Ask;
import io.github.tppo.suggest.SuggestOptions;
import io.github.tppo.suggest.Suggestion;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;

/** A server on a free port, and clients of it. */
final class Served implements AutoCloseable {
  static final ObjectMapper JSON = new ObjectMapper();
  static final SuggestOptions OPTIONS = new SuggestOptions(1, 0, 1, 24);

  final SuggestServer server;
  final StringWriter log = new StringWriter();
  private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  Served(ServeLimits limits) throws IOException {
    server = SuggestServer.start("127.0.0.1", 0, limits, "1.2.3", new PrintWriter(log), true);
  }

  /** Answers with what {@code suggest} says. */
  Served(ServeLimits limits, BiFunction<List<Ask>, SuggestOptions, List<Suggestion>> suggest) throws IOException {
    this(limits);
    server.ready(suggest, () -> { }, OPTIONS);
  }

  /** Says of each history how many searches it has. */
  static List<Suggestion> count(List<Ask> asks, SuggestOptions options) {
    return asks.stream().map(ask -> {
      String text = ask.history().search().size() + " searches, seed " + ask.seed();
      return new Suggestion(List.of(text), text, -1, 2, true, List.of(), null);
    }).toList();
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(server.uri().resolve(path)).timeout(Duration.ofSeconds(30));
  }

  HttpRequest.Builder post(byte[] body) {
    return request("/v1/suggest").header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofByteArray(body));
  }

  HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
    return client.send(request.build(), BodyHandlers.ofString());
  }

  CompletableFuture<HttpResponse<String>> sendAsync(HttpRequest.Builder request) {
    return client.sendAsync(request.build(), BodyHandlers.ofString());
  }

  HttpResponse<String> post(String body) throws IOException, InterruptedException {
    return send(post(body.getBytes(StandardCharsets.UTF_8)));
  }

  HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return send(request(path));
  }

  CompletableFuture<HttpResponse<String>> postAsync(String body) {
    return sendAsync(post(body.getBytes(StandardCharsets.UTF_8)));
  }

  /** Sends bytes as they are and reads until the server closes the connection. */
  String raw(String head, byte... body) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", server.uri().getPort())) {
      socket.setSoTimeout(20_000);
      socket.getOutputStream().write(head.replace("\n", "\r\n").getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().write(body);
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Reads what has come, at least {@code something}. */
  static String readUntil(InputStream in, String something) throws IOException {
    StringBuilder text = new StringBuilder();
    while (text.indexOf(something) < 0) {
      int b = in.read();
      assertTrue(b >= 0, "the connection ended after: " + text);
      text.append((char) b);
    }
    return text.toString();
  }

  /** An error in its form, whatever its kind; returns {@code error}. */
  static JsonNode error(int status, HttpResponse<String> response) throws IOException {
    assertEquals(status, response.statusCode(), response.body());
    assertEquals("application/json", response.headers().firstValue("Content-Type").orElse(""));
    return error(response.body());
  }

  static JsonNode error(String body) throws IOException {
    JsonNode error = JSON.readTree(body).get("error");
    assertFalse(error.get("type").asText().isEmpty());
    assertFalse(error.get("message").asText().isEmpty());
    assertFalse(body.contains("Exception") || body.contains("io.github") || body.contains("jetty"), body);
    return error;
  }

  /** The metrics by name and labels. Counts of requests are there a moment after their answers. */
  Map<String, Double> metrics() throws IOException, InterruptedException {
    HttpResponse<String> response = get("/metrics");
    assertEquals(200, response.statusCode());
    Map<String, Double> metrics = new TreeMap<>();
    response.body().lines().filter(line -> !line.startsWith("#")).forEach(line -> {
      int blank = line.lastIndexOf(' ');
      metrics.put(line.substring(0, blank), Double.parseDouble(line.substring(blank + 1).replace("Inf", "Infinity")));
    });
    return metrics;
  }

  /** Waits until a metric has a value. */
  void awaitMetric(String name, double value) throws IOException, InterruptedException {
    long end = System.nanoTime() + 20_000_000_000L;
    Double now = metrics().get(name);
    while (now == null || now != value) {
      assertTrue(System.nanoTime() < end, name + " is " + now + ", not " + value);
      Thread.sleep(5);
      now = metrics().get(name);
    }
  }

  @Override
  public void close() {
    server.stop();
  }
}
