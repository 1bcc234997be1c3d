// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.eval.Agreement;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.judge.LabelledResponse;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.RunException;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An experiment with two seeds, a further arm and an ablation that the first seed alone runs; it learns next to nothing. */
class SeedResultsTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> TEMPLATES = List.of("token_template", "sentence_template");
  private static final Pipeline<TppoConfig> PIPELINE = TppoPipeline.create();

  private static final String ARMS = "experiment.arms={ppo: [], printed: [\"policy.class_values=[0, 1, 2]\"], dpo: [dpo.epochs=1]}";
  private static final List<String> MODELS = List.of("copy", "sft", "tppo", "ppo", "printed", "dpo");

  @TempDir
  static Path dir;
  private static Path out;
  private static TppoConfig config;
  private static JsonNode all;
  private static final List<JsonNode> SEEDS = new ArrayList<>();

  @BeforeAll
  static void experiment() throws Exception {
    PipelineRuns.writeLog(dir.resolve("log.tsv"));
    config = PipelineRuns.config(dir, "experiment.seeds=[7, 3]", ARMS,
        "experiment.ablation={alpha: [2, 4], seeds: 1}", "sft.epochs=1", "policy.steps=3", "reward.epochs=1");
    out = dir.resolve("out");
    for (Map.Entry<String, TppoConfig> run : PIPELINE.runs(config).entrySet()) {
      PipelineRuns.run(run.getValue(), out.resolve(run.getKey()), null, 0);
      SEEDS.add(JSON.readTree(out.resolve(run.getKey()).resolve("results.json").toFile()));
    }
    all = combine(config, out, List.of("seed-7", "seed-3"));
  }

  private static JsonNode combine(TppoConfig config, Path out, List<String> runs) throws IOException {
    try (RunFolder folder = RunFolder.open(out)) {
      PIPELINE.combine(config, folder, runs.stream().map(out::resolve).toList());
    }
    return JSON.readTree(out.resolve("results.json").toFile());
  }

  @Test
  void allModelsAndPairsAreThere() {
    assertEquals(MODELS, names(all.at("/relevance_rate/token_template")));
    assertEquals(List.of("tppo_minus_printed", "tppo_minus_dpo", "tppo_minus_ppo", "tppo_minus_sft", "tppo_minus_copy",
        "printed_minus_dpo", "printed_minus_ppo", "printed_minus_sft", "printed_minus_copy", "dpo_minus_ppo", "dpo_minus_sft",
        "dpo_minus_copy", "ppo_minus_sft", "ppo_minus_copy", "sft_minus_copy"), names(all.path("difference")));
    assertEquals(List.of("tppo_vs_printed", "tppo_vs_dpo", "tppo_vs_ppo", "tppo_vs_sft", "printed_vs_dpo", "printed_vs_ppo",
        "printed_vs_sft", "dpo_vs_ppo", "dpo_vs_sft", "ppo_vs_sft"), names(all.path("pairwise")));
    assertEquals(List.of("tppo", "ppo", "printed"), names(all.path("training")), "DPO samples nothing while it trains");
    assertEquals(MODELS, names(all.path("form")));
    assertEquals("[7,3]", all.path("seeds").toString());
    assertEquals(SEEDS.get(0).path("held_out_users"), all.path("held_out_users"));
    assertTrue(Files.exists(out.resolve("report.html")));
  }

  @Test
  void ratesAndDifferencesFollowFromTheRunsAnswers() throws IOException {
    for (String template : TEMPLATES) {
      for (String model : names(all.at("/relevance_rate/" + template))) {
        JsonNode rate = all.at("/relevance_rate/" + template + "/" + model);
        double[] means = {mean("seed-7", model, template), mean("seed-3", model, template)};
        assertEstimate(means, rate);
      }
      for (String pair : names(all.path("difference"))) {
        String[] models = pair.split("_minus_");
        double[] means = new double[2];
        for (int s = 0; s < 2; s++) {
          String run = List.of("seed-7", "seed-3").get(s);
          means[s] = mean(run, models[0], template) - mean(run, models[1], template);
        }
        assertEstimate(means, all.path("difference").path(pair).path(template));
      }
    }
  }

  private static double mean(String run, String model, String template) throws IOException {
    ToDoubleFunction<ScoredAnswer> score = template.startsWith("token") ? ScoredAnswer::tokenRelevance : ScoredAnswer::sentenceRelevance;
    return 100 * ScoredAnswer.read(out.resolve(run).resolve("evaluate").resolve(model + ".jsonl")).stream()
        .mapToDouble(score).average().orElseThrow();
  }

  private static void assertEstimate(double[] means, JsonNode estimate) {
    assertEquals((means[0] + means[1]) / 2, estimate.path("mean").asDouble(), 1e-9);
    assertEquals(Math.abs(means[0] - means[1]) / Math.sqrt(2), estimate.path("std").asDouble(), 1e-9);
    assertEquals(means[0], estimate.at("/per_seed/0").asDouble(), 1e-9);
    assertEquals(means[1], estimate.at("/per_seed/1").asDouble(), 1e-9);
    assertTrue(estimate.at("/ci95/0").asDouble() <= estimate.path("mean").asDouble() + 1e-9);
    assertTrue(estimate.at("/ci95/1").asDouble() >= estimate.path("mean").asDouble() - 1e-9);
  }

  @Test
  void otherFiguresAreMeansAndTimesAreSums() {
    for (String pair : names(all.path("pairwise"))) {
      for (String figure : List.of("win", "tie", "lose", "flip_rate")) {
        assertMean("/pairwise/" + pair + "/" + figure);
      }
      JsonNode p = all.path("pairwise").path(pair);
      assertEquals(100, p.path("win").asDouble() + p.path("tie").asDouble() + p.path("lose").asDouble(), 1e-9);
      assertEquals(p.path("win").asDouble() - p.path("lose").asDouble(), p.at("/win_minus_lose/mean").asDouble(), 1e-9);
      assertEquals(2, p.at("/win_minus_lose/per_seed").size());
    }
    for (String pointer : List.of("/form/tppo/novelty", "/form/sft/repeated_words", "/reward_model/token/auc_weighted",
        "/reward_model/token/training/step/0", "/reward_model/token/training/auc_weighted/0", "/reward_model/sentence/eval_loss",
        "/reward_model/sentence/training/eval_loss/0", "/training/printed/score_mean/2", "/training/tppo/score_std/0", "/suggested_length", "/tokens_per_s/generate")) {
      assertMean(pointer);
    }
    for (String stage : List.of("prepare", "sft", "train-reward", "train-reward-sentence", "train-policy", "train-policy-ppo",
        "train-policy-dpo", "train-policy printed", "evaluate")) {
      assertEquals(SEEDS.get(0).path("timing_s").path(stage).asDouble() + SEEDS.get(1).path("timing_s").path(stage).asDouble(),
          all.path("timing_s").path(stage).asDouble(), 1e-9, stage);
    }
  }

  private static void assertMean(String pointer) {
    assertTrue(SEEDS.get(0).at(pointer).isNumber(), pointer);
    assertEquals((SEEDS.get(0).at(pointer).asDouble() + SEEDS.get(1).at(pointer).asDouble()) / 2, all.at(pointer).asDouble(), 1e-9, pointer);
  }

  /** The second seed has a TPPO too, but no other value to compare it with. */
  @Test
  void ablationsAreOverTheSeedsThatRanThem() {
    assertEquals(List.of("2.0", "4.0"), names(all.at("/ablation/alpha")));
    assertTrue(SEEDS.get(1).path("ablation").isEmpty());
    for (String value : List.of("2.0", "4.0")) {
      JsonNode first = SEEDS.get(0).path("ablation").path("alpha").path(value);
      assertEquals(first.at("/token_template/mean"), all.path("ablation").path("alpha").path(value).at("/token_template/mean"));
      assertEquals(first, all.path("ablation").path("alpha").path(value));
    }
  }

  @Test
  void oneSeedGivesTheFiguresOfItsRun() throws IOException {
    TppoConfig one = PipelineRuns.config(dir, "experiment.seeds=[7]", ARMS,
        "experiment.ablation={alpha: [2, 4], seeds: 1}");
    Path alone = dir.resolve("alone");
    PipelineRuns.copy(out.resolve("seed-7"), alone.resolve("seed-7"));
    JsonNode combined = combine(one, alone, List.of("seed-7"));
    for (String key : names(SEEDS.get(0))) {
      assertEquals(withoutIntegers(SEEDS.get(0).path(key)), withoutIntegers(combined.path(key)), key);
    }
    assertEquals(SEEDS.get(0).size(), combined.size());
  }

  /** The mean of a count is written as a number with a point. */
  private static JsonNode withoutIntegers(JsonNode node) throws IOException {
    return JSON.readTree(node.toString().replaceAll("(?<=[:,\\[])(-?\\d+)(?=[,}\\]])", "$1.0"));
  }

  /** INVARIANTS 15: a user whom one seed's judge failed on under one model is in no rate and no difference of any. */
  @Test
  void usersWithoutAJudgedAnswerInOneSeedAreLeftOutOfAll() throws IOException {
    Path some = dir.resolve("unjudged");
    PipelineRuns.copy(out, some);
    String left = ScoredAnswer.read(some.resolve("seed-3/evaluate/dpo.jsonl")).get(0).user();
    Path file = some.resolve("seed-3/evaluate/dpo.jsonl");
    List<String> lines = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      ObjectNode answer = (ObjectNode) JSON.readTree(line);
      lines.add((answer.path("user").asText().equals(left) ? answer.putNull("token_relevance") : answer).toString());
    }
    Files.write(file, lines);
    for (int s = 0; s < 2; s++) {
      Path results = some.resolve(List.of("seed-7", "seed-3").get(s)).resolve("results.json");
      ObjectNode tree = (ObjectNode) JSON.readTree(results.toFile());
      tree.withObject("/unjudged/token_template").put("dpo", 2 * s);
      tree.withObject("/judge/usage/evaluate").put("requests", 100 + s);
      tree.withObject("/pairwise/tppo_vs_sft").put("unjudged", 3);
      Files.writeString(results, tree.toString());
    }
    JsonNode combined = combine(config, some, List.of("seed-7", "seed-3"));
    assertEquals(all.path("held_out_users"), combined.path("held_out_users"));
    assertEquals("{\"sentence_template\":0,\"token_template\":1}", combined.path("users_left_out").toString());
    assertEquals(2, combined.at("/unjudged/token_template/dpo").asInt(), "a sum");
    assertEquals(201, combined.at("/judge/usage/evaluate/requests").asInt());
    assertEquals(6, combined.at("/pairwise/tppo_vs_sft/unjudged").asInt());
    double[] means = new double[2];
    for (int s = 0; s < 2; s++) {
      means[s] = 100 * ScoredAnswer.read(some.resolve(List.of("seed-7", "seed-3").get(s)).resolve("evaluate/tppo.jsonl")).stream()
          .filter(a -> !a.user().equals(left)).mapToDouble(ScoredAnswer::tokenRelevance).average().orElseThrow();
    }
    assertEstimate(means, combined.at("/relevance_rate/token_template/tppo"));
    for (String template : TEMPLATES) {
      assertEquals(combined.at("/relevance_rate/" + template + "/tppo/mean").asDouble() - combined.at("/relevance_rate/" + template
          + "/dpo/mean").asDouble(), combined.at("/difference/tppo_minus_dpo/" + template + "/mean").asDouble(), 1e-9);
    }
    assertEquals(all.at("/relevance_rate/sentence_template"), combined.at("/relevance_rate/sentence_template"));
  }

  @Test
  void runsOnOtherUsersAreRefused() throws IOException {
    Path other = dir.resolve("other");
    PipelineRuns.copy(out, other);
    for (String model : MODELS) {
      Path file = other.resolve("seed-3/evaluate").resolve(model + ".jsonl");
      List<String> lines = new ArrayList<>(Files.readAllLines(file));
      ObjectNode last = (ObjectNode) JSON.readTree(lines.get(lines.size() - 1));
      lines.set(lines.size() - 1, last.put("user", "someone else").toString());
      Files.write(file, lines);
    }
    String message = assertThrows(RunException.class, () -> combine(config, other, List.of("seed-7", "seed-3"))).getMessage();
    assertTrue(message.startsWith(other.resolve("seed-3") + ": not the held-out users of " + other.resolve("seed-7")), message);
  }

  @Test
  void aBrokenResultsFileIsNamed() throws IOException {
    Path broken = dir.resolve("broken");
    PipelineRuns.copy(out, broken);
    Files.writeString(broken.resolve("seed-3/results.json"), "{\"seeds\": [");
    String message = assertThrows(IOException.class, () -> combine(config, broken, List.of("seed-7", "seed-3"))).getMessage();
    assertTrue(message.startsWith(broken.resolve("seed-3/results.json") + ": not valid JSON"), message);
  }

  @Test
  void theSameRunsGiveTheSameBits() throws IOException {
    String before = Files.readString(out.resolve("results.json"));
    combine(config, out, List.of("seed-7", "seed-3"));
    assertEquals(before, Files.readString(out.resolve("results.json")));
    assertFalse(before.contains("NaN"));
  }

  /** A sheet shows what the judge was shown; filled in with the judge's own scores it agrees with the judge throughout. */
  @Test
  void aSheetForAnnotationFitsTheLabels() throws IOException {
    Path labels = out.resolve("seed-7/labels/token.jsonl");
    Path sheet = dir.resolve("sheet.jsonl");
    assertEquals(12, AnnotationSheet.write(labels, sheet, 12, 1));
    byte[] first = Files.readAllBytes(sheet);
    Map<String, LabelledResponse> byKey = new HashMap<>();
    LabelledResponse.read(labels).forEach(l -> byKey.put(l.user() + " " + l.stream(), l));
    List<String> filled = new ArrayList<>();
    for (String line : Files.readAllLines(sheet)) {
      ObjectNode node = (ObjectNode) JSON.readTree(line);
      assertFalse(node.at("/history/search").isEmpty());
      assertEquals(3, node.path("target_queries").size());
      LabelledResponse label = byKey.get(node.path("user").asText() + " " + node.path("stream").asLong());
      assertEquals(label.text(), node.path("text").asText());
      assertEquals(label.words().size(), node.path("words").size());
      for (int w = 0; w < label.words().size(); w++) {
        assertEquals(label.words().get(w).word(), node.at("/words/" + w + "/word").asText());
        ((ObjectNode) node.at("/words/" + w)).put("score", label.words().get(w).score());
      }
      filled.add(node.put("sentence", label.sentence()).toString());
    }
    Path human = Files.write(dir.resolve("human.jsonl"), filled);
    Agreement agreement = Agreement.of(human, labels);
    assertEquals(new Agreement.Responses(12, 0, 0), agreement.responses());
    assertEquals(1, agreement.words().agreement());
    assertEquals(0, agreement.wordsUnmatched());
    assertEquals(12, agreement.sentences().compared());
    AnnotationSheet.write(labels, sheet, 12, 1);
    assertEquals(new String(first, StandardCharsets.UTF_8), Files.readString(sheet));
    AnnotationSheet.write(labels, sheet, 12, 2);
    assertNotEquals(new String(first, StandardCharsets.UTF_8), Files.readString(sheet));
  }

  private static List<String> names(JsonNode node) {
    return StreamSupport.stream(((Iterable<String>) node::fieldNames).spliterator(), false).toList();
  }
}
