// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.suggest.Suggestion;
import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ServeStopTest {
  private static final String ONE = "{\"search\": [\"a\"]}";

  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch go = new CountDownLatch(1);
  private final AtomicInteger closed = new AtomicInteger();

  private Served served(Duration grace) throws IOException {
    Served served = new Served(new ServeLimits(1 << 16, 4, 2, 4, 16, Duration.ofSeconds(30), grace));
    served.server.ready((asks, options) -> {
      begun.countDown();
      boolean interrupted = false;
      while (go.getCount() > 0) {
        try {
          go.await();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      assertEquals(0, closed.get(), "the models are still there");
      List<Suggestion> answers = Served.count(asks, options);
      return answers;
    }, closed::incrementAndGet, Served.OPTIONS);
    return served;
  }

  @Test
  void requestsInWorkAndInTheQueueAreFinishedAndNewOnesNotTaken() throws Exception {
    Served served = served(Duration.ofSeconds(20));
    List<CompletableFuture<HttpResponse<String>>> inWork = List.of(served.postAsync(ONE), served.postAsync(ONE), served.postAsync(ONE));
    begun.await();
    served.awaitMetric("tppo_http_requests_in_work", 4);
    CompletableFuture<Boolean> stopped = CompletableFuture.supplyAsync(served.server::stop);
    int port = served.server.uri().getPort(); // known for good: it may be closed by now
    for (boolean refused = false; !refused;) {
      try (Socket socket = new Socket("127.0.0.1", port)) {
        Thread.sleep(5);
      } catch (ConnectException e) {
        refused = true;
      }
    }
    Thread.sleep(1500); // longer than Jetty lets connections idle when it stops
    assertFalse(stopped.isDone());
    go.countDown();
    for (var each : inWork) {
      assertEquals(200, each.get().statusCode());
    }
    assertTrue(stopped.get());
    assertEquals(1, closed.get());
    assertTrue(served.server.stop(), "stopping twice changes nothing");
    assertEquals(port, served.server.uri().getPort());
    assertEquals(1, closed.get());
  }

  @Test
  void whatDoesNotEndWithinTheGracePeriodIsCutOffAndKeepsItsModels() throws Exception {
    Served served = served(Duration.ofMillis(300));
    CompletableFuture<HttpResponse<String>> inWork = served.postAsync(ONE);
    begun.await();
    long start = System.nanoTime();
    assertFalse(served.server.stop());
    assertTrue(System.nanoTime() - start < 10_000_000_000L);
    assertEquals(0, closed.get());
    HttpResponse<String> answer = inWork.exceptionally(e -> null).get();
    assertTrue(answer == null || answer.statusCode() == 503);
    go.countDown();
  }

  @Test
  void portThatIsTakenIsNamed() throws Exception {
    try (Served served = served(Duration.ofSeconds(1))) {
      go.countDown();
      int port = served.server.uri().getPort();
      String message = assertThrows(IOException.class, () -> SuggestServer.start("127.0.0.1", port, ServeLimits.defaults(), "1", null, false))
          .getMessage();
      assertTrue(message.startsWith("cannot listen on 127.0.0.1, port " + port + ": "), message);
      assertEquals(200, served.get("/health").statusCode());
    }
  }
}
