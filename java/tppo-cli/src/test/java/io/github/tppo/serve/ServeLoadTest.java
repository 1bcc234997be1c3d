// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import static io.github.tppo.serve.Served.error;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.suggest.Ask;
import io.github.tppo.suggest.SuggestOptions;
import io.github.tppo.suggest.Suggestion;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** More requests than can be answered at once; generation goes on when the test lets it. */
@Timeout(60)
class ServeLoadTest {
  private static final String ONE = "{\"search\": [\"a\"]}";

  /** Answers a batch for each permit, and remembers the seeds of each. */
  private static final class Gate {
    final Semaphore open = new Semaphore(0);
    final List<List<Long>> batches = new CopyOnWriteArrayList<>();

    List<Suggestion> suggest(List<Ask> asks, SuggestOptions options) {
      batches.add(asks.stream().map(Ask::seed).toList());
      open.acquireUninterruptibly();
      return Served.count(asks, options);
    }

    void awaitBatches(int n) throws InterruptedException {
      while (batches.size() < n) {
        Thread.sleep(2);
      }
    }
  }

  private static ServeLimits limits(int concurrent, int queue, Duration timeout) {
    return new ServeLimits(1 << 16, 4, concurrent, queue, 64, timeout, Duration.ofSeconds(10));
  }

  private static String seed(int seed) {
    return "{\"search\": [\"a\"], \"seed\": " + seed + "}";
  }

  @Test
  void requestsBeyondTheQueueAreTurnedAwayAtOnce() throws Exception {
    Gate gate = new Gate();
    try (Served served = new Served(limits(2, 3, Duration.ofSeconds(30)), gate::suggest)) {
      List<CompletableFuture<HttpResponse<String>>> taken = new ArrayList<>();
      taken.add(served.postAsync(ONE));
      gate.awaitBatches(1);
      for (int i = 0; i < 3; i++) {
        taken.add(served.postAsync(ONE));
      }
      served.awaitMetric("tppo_suggest_queue_requests", 3);
      for (int i = 0; i < 5; i++) {
        HttpResponse<String> refused = served.post(ONE);
        assertEquals("unavailable", error(503, refused).get("type").asText());
        assertEquals("1", refused.headers().firstValue("Retry-After").orElseThrow());
      }
      assertEquals(200, served.get("/health").statusCode(), "it lives");
      gate.open.release(100);
      for (var each : taken) {
        assertEquals(200, each.get().statusCode());
      }
      assertEquals(200, served.post(ONE).statusCode(), "there is room again");
      served.awaitMetric("tppo_http_requests_total{endpoint=\"/v1/suggest\",status=\"503\"}", 5);
    }
  }

  @Test
  void requestsThatComeMeanwhileShareABatchUpToTheLimit() throws Exception {
    Gate gate = new Gate();
    try (Served served = new Served(limits(4, 20, Duration.ofSeconds(30)), gate::suggest)) {
      CompletableFuture<HttpResponse<String>> first = served.postAsync(seed(0));
      gate.awaitBatches(1);
      List<CompletableFuture<HttpResponse<String>>> others = new ArrayList<>();
      for (int i = 1; i <= 6; i++) {
        others.add(served.postAsync(seed(i)));
        served.awaitMetric("tppo_suggest_queue_requests", i);
      }
      gate.open.release(100);
      assertEquals("1 searches, seed 0", Served.JSON.readTree(first.get().body()).get("text").asText());
      for (int i = 1; i <= 6; i++) {
        assertEquals("1 searches, seed " + i, Served.JSON.readTree(others.get(i - 1).get().body()).get("text").asText());
      }
      assertEquals(List.of(List.of(0L), List.of(1L, 2L, 3L, 4L), List.of(5L, 6L)), gate.batches);
    }
  }

  @Test
  void requestsWithOtherOptionsAreGeneratedApart() throws Exception {
    Gate gate = new Gate();
    try (Served served = new Served(limits(4, 20, Duration.ofSeconds(30)), gate::suggest)) {
      List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
      all.add(served.postAsync(seed(0)));
      gate.awaitBatches(1);
      for (int i = 1; i <= 4; i++) {
        all.add(served.postAsync("{\"search\": [], \"seed\": " + i + ", \"temperature\": " + i % 2 + "}"));
        served.awaitMetric("tppo_suggest_queue_requests", i);
      }
      gate.open.release(100);
      for (int i = 1; i <= 4; i++) {
        assertEquals("0 searches, seed " + i, Served.JSON.readTree(all.get(i).get().body()).get("text").asText());
      }
      assertEquals(List.of(List.of(0L), List.of(1L, 3L), List.of(2L, 4L)), gate.batches);
    }
  }

  @Test
  void requestThatWaitsTooLongIsToldAndNotGenerated() throws Exception {
    Gate gate = new Gate();
    try (Served served = new Served(limits(2, 4, Duration.ofSeconds(2)), gate::suggest)) {
      CompletableFuture<HttpResponse<String>> first = served.postAsync(seed(1));
      gate.awaitBatches(1);
      CompletableFuture<HttpResponse<String>> second = served.postAsync(seed(2));
      for (HttpResponse<String> late : List.of(first.get(), second.get())) {
        assertEquals("no answer within 2.0 s; try again later", error(503, late).get("message").asText());
      }
      gate.open.release(100);
      HttpResponse<String> third = served.post(seed(3));
      assertEquals(200, third.statusCode(), third.body());
      assertEquals(List.of(List.of(1L), List.of(3L)), gate.batches, "the second was given up before its turn");
    }
  }

  @Test
  void answerMayTakeLongerThanAConnectionMayIdle() throws Exception {
    Gate gate = new Gate();
    try (Served served = new Served(limits(2, 4, Duration.ofSeconds(30)), gate::suggest)) {
      served.server.connector.setIdleTimeout(500);
      CompletableFuture<HttpResponse<String>> slow = served.postAsync(ONE);
      gate.awaitBatches(1);
      Thread.sleep(1500);
      gate.open.release();
      assertEquals(200, slow.get().statusCode());
    }
  }

  /** Those that share a batch with a request that fails are answered; the failure is in the log and not in the answer. */
  @Test
  void failureIsItsOwnRequestsAlone() throws Exception {
    Gate gate = new Gate();
    try (Served served = new Served(limits(4, 20, Duration.ofSeconds(30)), (asks, options) -> {
      List<Suggestion> answers = gate.suggest(asks, options);
      if (asks.stream().anyMatch(ask -> ask.seed() == 2)) {
        throw new OutOfMemoryError("secret of the inside");
      }
      return answers;
    })) {
      List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
      all.add(served.postAsync(seed(0)));
      gate.awaitBatches(1);
      for (int i = 1; i <= 3; i++) {
        all.add(served.postAsync(seed(i)));
        served.awaitMetric("tppo_suggest_queue_requests", i);
      }
      gate.open.release(100);
      assertEquals(List.of(200, 200, 500, 200), List.of(all.get(0).get().statusCode(), all.get(1).get().statusCode(),
          all.get(2).get().statusCode(), all.get(3).get().statusCode()));
      assertEquals("internal", error(500, all.get(2).get()).get("type").asText());
      assertFalse(all.get(2).get().body().contains("secret"));
      assertTrue(served.log.toString().contains("secret of the inside"));
    }
  }

  @Test
  void headersThatStopComingAreNoFaultOfTheService() throws Exception {
    try (Served served = new Served(limits(2, 4, Duration.ofSeconds(30)), Served::count)) {
      served.server.connector.setIdleTimeout(200);
      assertEquals("", served.raw("GET /health HTTP/1.1\nHost: h\nX:"));
      served.awaitMetric("tppo_http_requests_total{endpoint=\"other\",status=\"408\"}", 1);
      assertFalse(served.metrics().keySet().stream().anyMatch(name -> name.contains("status=\"5")), () -> served.log.toString());
    }
  }

  /** Connections that do nothing take no one's place. */
  @Test
  void idleConnectionsDoNotKeepOthersOut() throws Exception {
    List<Socket> idle = new ArrayList<>();
    try (Served served = new Served(limits(2, 4, Duration.ofSeconds(30)), Served::count)) {
      for (int i = 0; i < 50; i++) {
        idle.add(new Socket("127.0.0.1", served.server.uri().getPort()));
        idle.get(i).getOutputStream().write("POST /v1/suggest HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
            .substring(0, 40 + i).getBytes(StandardCharsets.US_ASCII));
      }
      for (int i = 0; i < 10; i++) {
        assertEquals(200, served.post(ONE).statusCode());
      }
    } finally {
      for (Socket socket : idle) {
        socket.close();
      }
    }
  }

  /** More clients than connections: those that are kept open make room for those that wait. */
  @Test
  void manyClientsAtOnceAreAllAnswered() throws Exception {
    try (Served served = new Served(limits(8, 600, Duration.ofSeconds(30)), Served::count)) {
      List<CompletableFuture<HttpResponse<String>>> all = IntStream.range(0, 120).mapToObj(i -> served.postAsync(seed(i))).toList();
      for (int i = 0; i < all.size(); i++) {
        assertEquals("1 searches, seed " + i, Served.JSON.readTree(all.get(i).get().body()).get("text").asText());
      }
      served.awaitMetric("tppo_http_requests_total{endpoint=\"/v1/suggest\",status=\"200\"}", 120);
      assertEquals(120, served.metrics().get("tppo_suggest_batch_requests_sum"));
    }
  }
}
