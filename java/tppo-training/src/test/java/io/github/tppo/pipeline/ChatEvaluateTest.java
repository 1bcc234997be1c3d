// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.eval.PairVerdict;
import io.github.tppo.eval.PairVerdict.Outcome;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.judge.ChatServer;
import io.github.tppo.judge.ChatServer.Received;
import io.github.tppo.judge.Template;
import io.github.tppo.run.StoppedException;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.ResponseText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A run whose judge is a server: it cannot score words if their number is a multiple of three, nor wholes where it reads 2003,
 * nor pairs where it reads 2005, and it likes the first of two best.
 */
class ChatEvaluateTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int CONCURRENCY = 4;
  private static final List<String> MODELS = List.of("copy", "sft", "tppo");

  @TempDir
  static Path dir;
  private static ChatServer server;
  private static TppoConfig config;
  private static Path whole;
  private static JsonNode results;
  private static List<String> messages;
  private static List<String> asked;
  private static final List<Integer> ASKED_AT_STOPS = new ArrayList<>();
  /** As it was when the run was stopped for the first time. */
  private static Path stopped;

  private static boolean fails(String prompt) {
    return prompt.contains("First prediction:") ? prompt.contains("2005")
        : prompt.contains("Their words") ? ChatServer.words(prompt).size() % 3 == 0 : prompt.contains("2003");
  }

  private static final ChatServer.Answer JUDGE = (exchange, request) -> {
    String prompt = request.path("messages").path(0).path("content").asText();
    ChatServer.says(fails(prompt) ? "I cannot say." : prompt.contains("First prediction:") ? "{\"better\": \"first\"}"
        : ChatServer.good(request)).to(exchange, request);
  };

  @BeforeAll
  static void stoppedTwice() throws Exception {
    PipelineRuns.writeLog(dir.resolve("log.tsv"));
    server = new ChatServer();
    server.otherwise = JUDGE;
    config = PipelineRuns.config(dir, "sft.epochs=2", "generate.prompts=16", "generate.valid_prompts=6", "reward.epochs=1", "policy.steps=2", "policy.eval_every=2", "policy.eval_examples=4",
        "policy.critic_warmup=0", "judge.kind=chat", "judge.attempts=2", "judge.chat.model=m", "judge.chat.concurrency=" + CONCURRENCY,
        "judge.chat.base_url=" + server.url());
    whole = dir.resolve("whole");
    stopped = dir.resolve("stopped");
    assertThrows(StoppedException.class, () -> PipelineRuns.run(config, whole, "answers of sft", 6));
    PipelineRuns.copy(whole, stopped);
    ASKED_AT_STOPS.add(server.received.size());
    assertThrows(StoppedException.class, () -> PipelineRuns.run(config, whole, "comparing answers pair by pair", 6));
    ASKED_AT_STOPS.add(server.received.size());
    messages = PipelineRuns.run(config, whole, null, 0);
    asked = server.received.stream().map(Received::prompt).toList();
    results = JSON.readTree(whole.resolve("results.json").toFile());
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  private static List<ScoredAnswer> answers(String model) throws IOException {
    return ScoredAnswer.read(whole.resolve("evaluate/" + model + ".jsonl"));
  }

  private static boolean reads(String year, ScoredAnswer answer, List<String> more) {
    return Stream.of(answer.history().search(), answer.history().click(), answer.targets(), answer.queries(), more)
        .flatMap(List::stream).anyMatch(entry -> entry.contains(year));
  }

  /** INVARIANTS 15, and that the templates are independent questions. */
  @Test
  void whatTheJudgeFailsOnHasNoScore() throws IOException {
    Set<Set<Template>> kinds = new HashSet<>();
    for (String model : MODELS) {
      Map<Template, Integer> failed = new HashMap<>(Map.of(Template.TOKEN, 0, Template.SENTENCE, 0));
      for (ScoredAnswer answer : answers(model)) {
        int words = ResponseText.words(answer.text()).size();
        Set<Template> expected = new TreeSet<>();
        if (words > 0 && words % 3 == 0) {
          expected.add(Template.TOKEN);
          assertNull(answer.tokenRelevance());
          assertNull(answer.sentence());
          assertEquals(List.of(), answer.words());
        } else {
          assertEquals(words, answer.words().size());
          long relevant = answer.words().stream().filter(w -> w.score() == 1).count();
          long scored = answer.words().stream().filter(w -> w.score() >= 0).count();
          assertEquals(scored == 0 ? 0 : relevant / (double) scored, answer.tokenRelevance());
        }
        if (words > 0 && reads("2003", answer, List.of())) {
          expected.add(Template.SENTENCE);
          assertNull(answer.sentenceRelevance());
        } else {
          assertTrue(answer.sentenceRelevance() == 0 || answer.sentenceRelevance() == 1);
        }
        assertEquals(expected, answer.unjudged().keySet());
        expected.forEach(t -> failed.merge(t, 1, Integer::sum));
        kinds.add(expected);
        answer.unjudged().values().forEach(reason -> assertTrue(reason.startsWith("reply_form: "), reason));
      }
      assertEquals(failed.get(Template.TOKEN), results.at("/unjudged/token_template/" + model).asInt());
      assertEquals(failed.get(Template.SENTENCE), results.at("/unjudged/sentence_template/" + model).asInt());
    }
    assertEquals(4, kinds.size(), "none, either and both");
    assertTrue(messages.stream().anyMatch(m -> m.startsWith("relevance rate on ") && m.contains("; token template: the judge failed on ")
        && m.contains("; pairs: the judge failed on ")), messages.toString());
  }

  /** Every figure is over the users who have a judged answer of each model. */
  @Test
  void allModelsAreComparedOnTheSameUsers() throws IOException {
    Map<String, Function<ScoredAnswer, Double>> scores = Map.of("token_template", ScoredAnswer::tokenRelevance,
        "sentence_template", ScoredAnswer::sentenceRelevance);
    for (String template : scores.keySet()) {
      Map<String, Map<String, Double>> rates = new LinkedHashMap<>();
      for (String model : MODELS) {
        rates.put(model, answers(model).stream().filter(a -> scores.get(template).apply(a) != null).collect(Collectors.groupingBy(
            ScoredAnswer::user, Collectors.averagingDouble(a -> 100 * scores.get(template).apply(a)))));
      }
      Set<String> shared = new TreeSet<>(rates.get("copy").keySet());
      rates.values().forEach(r -> shared.retainAll(r.keySet()));
      int users = results.path("held_out_users").asInt();
      assertEquals(answers("copy").size(), users);
      assertEquals(users - shared.size(), results.path("users_left_out").path(template).asInt());
      assertTrue(!shared.isEmpty() && shared.size() < users, template + ": " + shared);
      Map<String, Double> means = new HashMap<>();
      rates.forEach((model, r) -> means.put(model, shared.stream().mapToDouble(r::get).average().orElseThrow()));
      means.forEach((model, mean) -> assertEquals(mean, results.at("/relevance_rate/" + template + "/" + model + "/mean").asDouble(), 1e-9));
      assertEquals(means.get("tppo") - means.get("copy"), results.at("/difference/tppo_minus_copy/" + template + "/mean").asDouble(), 1e-9);
    }
    assertEquals(answers("sft").stream().mapToInt(ScoredAnswer::tokenCount).average().orElseThrow(),
        results.at("/form/sft/mean_tokens").asDouble(), 1e-9, "form needs no judge");
  }

  /** INVARIANTS 16. */
  @Test
  void aLikingForTheFirstIsATieAndAFlip() throws IOException {
    List<ScoredAnswer> first = answers("tppo");
    List<ScoredAnswer> second = answers("sft");
    List<PairVerdict> verdicts = PairVerdict.read(whole.resolve("evaluate/pairwise/tppo_vs_sft.jsonl"));
    int flips = 0;
    int failed = 0;
    for (int i = 0; i < verdicts.size(); i++) {
      boolean same = first.get(i).queries().equals(second.get(i).queries());
      boolean open = !same && reads("2005", first.get(i), second.get(i).queries());
      assertEquals(open ? Outcome.UNJUDGED : Outcome.TIE, verdicts.get(i).outcome());
      assertEquals(!same && !open, verdicts.get(i).flipped());
      flips += same || open ? 0 : 1;
      failed += open ? 1 : 0;
    }
    assertTrue(flips > 0 && failed > 0, flips + " and " + failed);
    JsonNode pair = results.at("/pairwise/tppo_vs_sft");
    assertEquals(failed, pair.path("unjudged").asInt());
    assertEquals(flips / (double) (verdicts.size() - failed), pair.path("flip_rate").asDouble(), 1e-12);
    assertEquals(100, pair.path("tie").asDouble(), 1e-9);
    assertEquals(0, pair.at("/win_minus_lose/mean").asDouble());
  }

  /** But for the questions under way at one of the two stops, whose answers nobody heard. */
  @Test
  void aStoppedEvaluationGoesOnAndAsksNothingTwice() {
    List<String> usable = asked.stream().filter(p -> !fails(p)).toList();
    int twice = usable.size() - new HashSet<>(usable).size();
    assertTrue(twice <= 2 * CONCURRENCY, twice + " asked twice");
    JsonNode judge = results.path("judge");
    long requests = judge.at("/usage/evaluate/requests").asLong();
    assertTrue(requests > 0 && requests < asked.size() - ASKED_AT_STOPS.get(1) + 1, "of the last run alone");
    assertTrue(ASKED_AT_STOPS.get(1) > ASKED_AT_STOPS.get(0) + 2 * CONCURRENCY, "much had been asked before the second stop");
    assertTrue(judge.at("/usage/evaluate/stored").asLong() > 2 * CONCURRENCY);
    assertEquals("m (chat)", judge.path("name").asText());
    for (String template : List.of("token", "sentence", "pairwise")) {
      assertEquals(64, judge.path("templates").path(template).asText().length());
    }
    assertTrue(judge.at("/usage/label/requests").asLong() > 0);
    assertTrue(judge.path("asked").asLong() > judge.at("/usage/label/requests").asLong());
  }

  /** A server that refuses ends the evaluation; run again, it ends as the other one did. */
  @Test
  void aJudgeThatCannotBeAskedEndsTheStage() throws Exception {
    Path out = dir.resolve("refused");
    PipelineRuns.copy(stopped, out);
    server.otherwise = ChatServer.status(401);
    try {
      Exception e = assertThrows(Exception.class, () -> PipelineRuns.run(config, out, null, 0));
      assertTrue(e.toString().contains("401"), e.toString());
    } finally {
      server.otherwise = JUDGE;
    }
    assertFalse(Files.exists(out.resolve("results.json")));
    PipelineRuns.run(config, out, null, 0);
    assertEquals(figures(whole), figures(out));
    for (String file : List.of("evaluate/copy.jsonl", "evaluate/tppo.jsonl", "evaluate/pairwise/tppo_vs_sft.jsonl")) {
      assertEquals(Files.readString(whole.resolve(file)), Files.readString(out.resolve(file)), file);
    }
  }

  private static JsonNode figures(Path out) throws IOException {
    ObjectNode results = (ObjectNode) JSON.readTree(out.resolve("results.json").toFile());
    ((ObjectNode) results.path("judge")).remove(List.of("asked", "usage"));
    return results.remove(List.of("timing_s", "tokens_per_s"));
  }

  @Test
  void validationGoesByTheSameJudge() throws IOException {
    List<JsonNode> steps = new ArrayList<>();
    for (String line : Files.readAllLines(whole.resolve("tppo/metrics.jsonl"))) {
      steps.add(JSON.readTree(line));
    }
    assertFalse(steps.get(0).has("eval/judge_token_relevance"));
    assertTrue(steps.get(1).has("eval/judge_token_relevance") && steps.get(1).has("eval/judge_sentence_relevance"));
    assertTrue(steps.get(1).path("eval/judge_failures").asInt() > 0, steps.get(1).toString());
  }

  @Test
  void theReportSaysWhatWasNotJudged() throws IOException {
    String page = Files.readString(whole.resolve("report.html"));
    assertTrue(page.contains("the judge failed on some answers") && page.contains("not judged") && page.contains("m (chat)"));
  }
}
