// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.RunException;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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

  @TempDir
  static Path dir;
  private static Path out;
  private static TppoConfig config;
  private static JsonNode all;
  private static final List<JsonNode> SEEDS = new ArrayList<>();

  @BeforeAll
  static void experiment() throws Exception {
    PipelineTest.writeLog(dir.resolve("log.tsv"));
    config = PipelineTest.config(dir, "experiment.seeds=[7, 3]", "experiment.arms={printed: [\"policy.class_values=[0, 1, 2]\"]}",
        "experiment.ablation={alpha: [2, 4], seeds: 1}", "sft.epochs=2", "policy.steps=3", "reward.epochs=1");
    out = dir.resolve("out");
    for (Map.Entry<String, TppoConfig> run : PIPELINE.runs(config).entrySet()) {
      PipelineTest.run(run.getValue(), out.resolve(run.getKey()), null, 0);
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
    assertEquals(List.of("copy", "sft", "tppo", "printed"), names(all.at("/relevance_rate/token_template")));
    assertEquals(List.of("tppo_minus_printed", "tppo_minus_sft", "tppo_minus_copy", "printed_minus_sft", "printed_minus_copy",
        "sft_minus_copy"), names(all.path("difference")));
    assertEquals(List.of("tppo_vs_printed", "tppo_vs_sft", "printed_vs_sft"), names(all.path("pairwise")));
    assertEquals(List.of("tppo", "printed"), names(all.path("training")));
    assertEquals(List.of("copy", "sft", "tppo", "printed"), names(all.path("form")));
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
        "/training/printed/score_mean/2", "/training/tppo/score_std/0", "/suggested_length", "/tokens_per_s/generate")) {
      assertMean(pointer);
    }
    for (String stage : List.of("prepare", "sft", "train-reward", "train-policy", "train-policy printed", "evaluate")) {
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
    TppoConfig one = PipelineTest.config(dir, "experiment.seeds=[7]", "experiment.arms={printed: [\"policy.class_values=[0, 1, 2]\"]}",
        "experiment.ablation={alpha: [2, 4], seeds: 1}");
    Path alone = dir.resolve("alone");
    PipelineTest.copy(out.resolve("seed-7"), alone.resolve("seed-7"));
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

  @Test
  void runsOnOtherUsersAreRefused() throws IOException {
    Path other = dir.resolve("other");
    PipelineTest.copy(out, other);
    for (String model : List.of("copy", "sft", "tppo", "printed")) {
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
    PipelineTest.copy(out, broken);
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

  private static List<String> names(JsonNode node) {
    return StreamSupport.stream(((Iterable<String>) node::fieldNames).spliterator(), false).toList();
  }
}
