// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.data.History;
import io.github.tppo.suggest.Ask;
import io.github.tppo.suggest.SuggestOptions;
import io.github.tppo.suggest.Suggester;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real models behind a real server. */
@Timeout(120)
class ServeTest {
  @TempDir
  static Path dir;

  private static Path policy;
  private static Path reward;
  private static Served served;

  @BeforeAll
  static void start() throws Exception {
    policy = TinyModels.policy(Files.createDirectories(dir.resolve("policy")), 12);
    reward = TinyModels.rewardModel(Files.createDirectories(dir.resolve("reward")), 160);
    served = new Served(ServeLimits.defaults());
    Suggester suggester = Suggester.load(policy, reward);
    served.server.ready(suggester, SuggestOptions.of(suggester.settings()));
  }

  @AfterAll
  static void stop() {
    served.close();
  }

  private static JsonNode ok(HttpResponse<String> response) throws Exception {
    assertEquals(200, response.statusCode(), response.body());
    return Served.JSON.readTree(response.body());
  }

  private static JsonNode post(String body) throws Exception {
    return ok(served.post(body));
  }

  @Test
  void answersAreThoseOfTheSuggester() throws Exception {
    try (Suggester suggester = Suggester.load(policy, reward)) {
      History history = new History(List.of("red shoes", "blue ☂"), List.of("h.com"), List.of("p"), List.of("v"));
      JsonNode expected = Served.JSON.valueToTree(suggester.suggest(List.of(new Ask(history, 7)), new SuggestOptions(0.5, 20, 0.9, 9)).get(0));
      String lists = "{\"search\": [\"red shoes\", \"blue ☂\"], \"click\": [\"h.com\"], \"purchase\": [\"p\"], \"visit\": [\"v\"]";
      String options = "\"temperature\": 0.5, \"top_k\": 20, \"top_p\": 0.9, \"max_new_tokens\": 9, \"seed\": 7}";
      assertEquals(expected, post(lists + ", " + options));
      assertEquals(expected, post("{\"user\": \"u\", \"target_queries\": [], \"history\": " + lists + "}, " + options));
      assertEquals(expected, post("{\"histories\": [" + lists + "}], " + options).get("suggestions").get(0));
      JsonNode defaults = Served.JSON.valueToTree(suggester.suggest(List.of(new Ask(history, 1)), SuggestOptions.of(suggester.settings())).get(0));
      assertEquals(defaults, post("[" + lists + "}]").get("suggestions").get(0));
      assertNotEquals(expected, defaults);
      assertEquals("queries, text, logprob, tokens, finished, details", String.join(", ", (Iterable<String>) expected::fieldNames));
    }
  }

  @Test
  void severalHistoriesAreAnsweredInTheirOrder() throws Exception {
    JsonNode all = post("{\"histories\": [{\"search\": [\"a\"]}, {\"history\": {\"search\": [\"b\"]}}, {\"search\": [\"a\"]}]}").get("suggestions");
    assertEquals(3, all.size());
    assertEquals(all.get(0), all.get(2));
    assertEquals(post("{\"search\": [\"b\"]}"), all.get(1));
  }

  /** Under load requests are generated together; what each is told is what it is told alone. */
  @Test
  void answerDoesNotDependOnNeighbours() throws Exception {
    List<String> bodies = IntStream.range(0, 60).mapToObj(i -> "{\"search\": [\"" + "word ".repeat(1 + i % 7) + i + "\"], \"seed\": " + i
        + (i % 3 == 0 ? ", \"temperature\": 0.5" : "") + "}").toList();
    List<JsonNode> alone = new ArrayList<>();
    for (String body : bodies) {
      alone.add(post(body));
    }
    double batches = served.metrics().get("tppo_suggest_batch_requests_count");
    List<CompletableFuture<HttpResponse<String>>> together = bodies.stream().map(served::postAsync).toList();
    for (int i = 0; i < bodies.size(); i++) {
      assertEquals(alone.get(i), ok(together.get(i).get()), bodies.get(i));
    }
    assertTrue(served.metrics().get("tppo_suggest_batch_requests_count") - batches < bodies.size(), "some were generated together");
  }

  @Test
  void livesAtOnceAndIsReadyWhenTheModelIsLoaded() throws Exception {
    try (Served loading = new Served(ServeLimits.defaults())) {
      assertEquals("{\"status\":\"ok\"}", loading.get("/health").body());
      for (HttpResponse<String> response : List.of(loading.get("/ready"), loading.post("{\"search\": []}"))) {
        assertEquals("the model is being loaded", Served.error(503, response).get("message").asText());
        assertEquals("1", response.headers().firstValue("Retry-After").orElseThrow());
      }
      assertEquals(0, loading.metrics().get("tppo_ready"));
      loading.server.ready(Served::count, () -> { }, Served.OPTIONS);
      assertEquals("{\"status\":\"ready\"}", loading.get("/ready").body());
      assertEquals("2 searches, seed 1", ok(loading.post("{\"search\": [\"a\", \"b\"]}")).get("text").asText());
      assertEquals(1, loading.metrics().get("tppo_ready"));
    }
  }

  @Test
  void metricsArePrometheusTextAndCountRight() throws Exception {
    try (Served counted = new Served(ServeLimits.defaults(), Served::count)) {
      for (int i = 0; i < 3; i++) {
        assertEquals(200, counted.post("[{\"search\": []}, {\"search\": []}]").statusCode());
      }
      assertEquals(400, counted.post("x").statusCode());
      for (int i = 0; i < 5; i++) {
        assertEquals(404, counted.get("/other" + i).statusCode());
      }
      counted.raw("GARBAGE\n\n");
      counted.awaitMetric("tppo_http_requests_total{endpoint=\"other\",status=\"400\"}", 1);
      counted.awaitMetric("tppo_http_requests_total{endpoint=\"/v1/suggest\",status=\"200\"}", 3);
      counted.awaitMetric("tppo_http_requests_total{endpoint=\"/v1/suggest\",status=\"400\"}", 1);
      counted.awaitMetric("tppo_http_requests_total{endpoint=\"other\",status=\"404\"}", 5);
      var metrics = counted.metrics();
      assertEquals(4, metrics.get("tppo_http_request_duration_seconds_count{endpoint=\"/v1/suggest\"}"));
      assertEquals(6, metrics.get("tppo_suggest_histories_total"));
      assertEquals(12, metrics.get("tppo_suggest_tokens_total"));
      assertEquals(3, metrics.get("tppo_suggest_batch_requests_sum"));
      assertEquals(3, metrics.get("tppo_suggest_generation_duration_seconds_count"));
      assertEquals(0, metrics.get("tppo_suggest_queue_requests"));
      assertEquals(1, metrics.get("tppo_http_requests_in_work"), "this one");
      assertEquals(1, metrics.get("tppo_build_info{version=\"1.2.3\"}"));
      assertTrue(metrics.containsKey("process_resident_memory_bytes"));

      HttpResponse<String> response = counted.get("/metrics");
      assertEquals("text/plain; version=0.0.4; charset=utf-8", response.headers().firstValue("Content-Type").orElseThrow());
      String name = "[a-zA-Z_:][a-zA-Z0-9_:]*";
      response.body().lines().forEach(line -> assertTrue(line.matches("# (HELP|TYPE) " + name + " .*")
          || line.matches(name + "(\\{(" + name + "=\"([^\"\\\\]|\\\\.)*\",?)+\\})? (-?[0-9.]+(E-?[0-9]+)?|NaN|[+-]Inf)"), line));
      assertTrue(counted.log.toString().contains("\"POST /v1/suggest HTTP/1.1\" 200 "), counted.log.toString());
    }
  }
}
