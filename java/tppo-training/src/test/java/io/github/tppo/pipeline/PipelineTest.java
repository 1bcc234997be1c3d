// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.data.Examples;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.judge.LabelledResponse;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.SafeTensors;
import io.github.tppo.model.Workers;
import io.github.tppo.policy.RolloutOracle;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.StoppedException;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** All stages on an invented log of 70 users, with models so small that they learn little. */
class PipelineTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> STAGES =
      List.of("prepare", "sft", "generate", "label", "train-reward", "train-policy", "evaluate", "report");

  @TempDir
  static Path dir;
  private static Path whole;

  @BeforeAll
  static void uninterruptedRun() throws Exception {
    PipelineRuns.writeLog(dir.resolve("log.tsv"));
    whole = dir.resolve("whole");
    PipelineRuns.run(PipelineRuns.config(dir), whole, null, 0);
  }

  @AfterAll
  static void workers() {
    Workers.setCount(Runtime.getRuntime().availableProcessors());
  }

  @Test
  void allCheckpointsOfARunAreStoredAsItsSettingsSay() throws Exception {
    Path half = dir.resolve("half");
    TppoConfig config = PipelineRuns.config(dir, "save.weights=float16", "save.shard_gb=0.00002", "sft.max_steps=2", "policy.steps=1",
        "reward.epochs=1");
    PipelineRuns.run(config, half, null, 0);
    for (String name : List.of("sft", "reward-token", "tppo")) {
      assertEquals("float16", JSON.readTree(half.resolve(name).resolve("config.json").toFile()).get("dtype").asText(), name);
      SafeTensors weights = SafeTensors.open(half.resolve(name));
      assertTrue(weights.source().endsWith(SafeTensors.INDEX_NAME), name + " has shards");
      for (String tensor : weights.names()) {
        assertEquals(ScalarType.Half, weights.entry(tensor).dtype(), name + ": " + tensor);
      }
    }
  }

  @Test
  void furtherArmsAndAblationsAreTrainedAndCompared() throws Exception {
    Path out = dir.resolve("arms");
    String[] sets = {"sft.max_steps=5", "policy.steps=2", "experiment.arms={printed: ['policy.class_values=[0, 1, 2]', policy.center_rewards=false]}",
        "experiment.ablation.local_weight=[0.4, 1]", "experiment.ablation.length_penalty=[true, false]", "experiment.ablation.alpha=[]"};
    PipelineRuns.run(PipelineRuns.config(dir, sets), out, null, 0);
    JsonNode results = JSON.readTree(out.resolve("results.json").toFile());
    assertTrue(results.at("/relevance_rate/token_template/printed/mean").isNumber());
    assertTrue(results.at("/relevance_rate/token_template/local_weight-1.0").isMissingNode(), "ablations are apart");
    assertEquals(results.at("/relevance_rate/token_template/tppo/mean"), results.at("/ablation/local_weight/0.4/token_template/mean"));
    for (String name : List.of("arms/printed/tppo", "ablation/local_weight-1.0/tppo", "ablation/local_weight-1.0/reward-token", "ablation/length_penalty-off/tppo")) {
      assertTrue(Files.exists(out.resolve(name).resolve("model.safetensors")), name);
    }
    try (Stream<Path> arms = Files.list(out.resolve("ablation"))) {
      assertEquals(2, arms.count(), "no policy is trained twice");
    }
    assertEquals(2, results.at("/ablation/length_penalty").size());
    sets[sets.length - 1] = "experiment.ablation.alpha=[2]";
    List<String> again = PipelineRuns.run(PipelineRuns.config(dir, sets), out, null, 0);
    assertFalse(again.stream().anyMatch(m -> m.startsWith("train") && m.endsWith("begins")), "TPPO has this value already: " + again);
    JsonNode more = JSON.readTree(out.resolve("results.json").toFile());
    assertEquals(results.at("/relevance_rate/token_template/tppo/mean"), more.at("/ablation/alpha/2.0/token_template/mean"));
    sets[2] = "experiment.arms={}";
    PipelineRuns.run(PipelineRuns.config(dir, sets), out, null, 0);
    JsonNode fewer = JSON.readTree(out.resolve("results.json").toFile());
    assertTrue(more.at("/timing_s").has("train-policy printed") && !fewer.at("/timing_s").has("train-policy printed"), "no time of an arm that is gone");
  }

  @Test
  void writesTheFilesOfARunsFolder() throws IOException {
    assertEquals("random", JSON.readTree(whole.resolve("config.json").toFile()).at("/sft/init").asText());
    long train = Examples.stream(whole.resolve("data/train.jsonl")).count();
    long held = Examples.stream(whole.resolve("data/eval.jsonl")).count();
    assertTrue(train > 20 && held > 3, train + " and " + held);
    assertEquals(560, JSON.readTree(whole.resolve("data/stats.json").toFile()).get("rows_read").asLong());
    for (String name : List.of("sft", "tppo")) {
      Decoder.load(whole.resolve(name)).close();
    }
    Longformer.load(whole.resolve("reward-token")).close();
    for (String name : List.of("sft", "reward-token", "tppo")) {
      assertTrue(Files.exists(whole.resolve(name).resolve("tokenizer.json")), name);
      try (Stream<Path> files = Files.list(whole.resolve(name))) {
        List<String> names = files.map(f -> f.getFileName().toString()).toList();
        assertTrue(names.stream().anyMatch(f -> f.startsWith("events.out.tfevents")), names.toString());
        assertFalse(names.stream().anyMatch(f -> f.startsWith("checkpoint") || f.endsWith(".tmp")), names.toString());
      }
    }
    assertFalse(LabelledResponse.read(whole.resolve("labels/token.jsonl")).isEmpty());
    assertTrue(Files.exists(whole.resolve("labels/rejected.jsonl")));
    assertTrue(Files.readString(whole.resolve("report.html")).contains("</html>"));
    for (String name : List.of("copy", "sft", "tppo")) {
      int samples = name.equals("copy") ? 1 : 2;
      assertEquals(held * samples, ScoredAnswer.read(whole.resolve("evaluate/" + name + ".jsonl")).size());
    }
  }

  @Test
  void metricsHaveTheNamesThatToolsKnow() throws IOException {
    Map<String, List<String>> expected = Map.of("sft", List.of("step", "time_s", "loss/sft", "lr"),
        "reward-token", List.of("step", "time_s", "loss/reward", "loss/reward_local", "loss/reward_global"),
        "tppo", List.of("step", "time_s", "objective/kl", "objective/scores", "loss/value_avg", "reward/lwp_mean",
            "reward/token_relevant_frac"));
    for (Map.Entry<String, List<String>> entry : expected.entrySet()) {
      List<JsonNode> lines = metrics(whole.resolve(entry.getKey()));
      for (int i = 0; i < lines.size(); i++) {
        assertEquals(i + 1, lines.get(i).get("step").asInt());
        for (String name : entry.getValue()) {
          assertTrue(lines.get(i).path(name).isNumber(), entry.getKey() + " " + name);
        }
      }
    }
    List<JsonNode> tppo = metrics(whole.resolve("tppo"));
    assertEquals(5, tppo.size());
    assertFalse(tppo.get(0).has("loss/policy_avg"), "the first round is the critic's warm-up");
    for (JsonNode round : tppo.subList(1, 5)) {
      assertTrue(round.has("loss/policy_avg") && round.has("policy/clipfrac_avg"));
      assertEquals(0, round.get("policy/first_batch_off_policy").asDouble());
    }
    assertTrue(tppo.get(1).has("eval/judge_token_relevance") && !tppo.get(2).has("eval/judge_token_relevance"));
    List<JsonNode> sft = metrics(whole.resolve("sft"));
    assertTrue(sft.get(sft.size() - 1).get("loss/sft").asDouble() < 0.6 * sft.get(0).get("loss/sft").asDouble());
  }

  @Test
  void resultsHaveTheKeysThatScriptsRead() throws IOException {
    JsonNode results = JSON.readTree(whole.resolve("results.json").toFile());
    for (String template : List.of("sentence_template", "token_template")) {
      for (String model : List.of("copy", "sft", "tppo")) {
        JsonNode rate = results.at("/relevance_rate/" + template + "/" + model);
        double mean = rate.get("mean").asDouble();
        assertTrue(mean >= 0 && mean <= 100);
        assertTrue(rate.at("/ci95/0").asDouble() <= mean && mean <= rate.at("/ci95/1").asDouble());
        assertEquals(mean, rate.at("/per_seed/0").asDouble());
      }
    }
    JsonNode pair = results.at("/pairwise/tppo_vs_sft");
    assertEquals(100, pair.get("win").asDouble() + pair.get("tie").asDouble() + pair.get("lose").asDouble(), 1e-9);
    assertTrue(pair.has("flip_rate"));
    assertTrue(results.at("/reward_model/token/auc_weighted").isNumber());
    assertTrue(results.at("/reward_model/token/eval_loss").isNumber());
    assertEquals(5, results.at("/training/tppo/score_mean").size());
    assertEquals(5, results.at("/training/tppo/score_std").size());
    for (String stage : STAGES.subList(0, 6)) {
      assertTrue(results.at("/timing_s/" + stage).isNumber(), stage);
    }
    assertTrue(results.at("/tokens_per_s/generate").asDouble() > 0);
    assertTrue(results.at("/tokens_per_s/train_policy").asDouble() > 0);
    assertTrue(results.at("/seeds").isArray());
  }

  /** The mean of the relevance rate and the paired difference, from the answers that were written. */
  @Test
  void resultsFollowFromTheAnswers() throws IOException {
    JsonNode results = JSON.readTree(whole.resolve("results.json").toFile());
    Map<String, Double> means = new TreeMap<>();
    for (String model : List.of("copy", "sft", "tppo")) {
      List<ScoredAnswer> answers = ScoredAnswer.read(whole.resolve("evaluate/" + model + ".jsonl"));
      double mean = 100 * answers.stream().mapToDouble(ScoredAnswer::tokenRelevance).average().orElseThrow();
      assertEquals(mean, results.at("/relevance_rate/token_template/" + model + "/mean").asDouble(), 1e-9);
      means.put(model, mean);
    }
    assertTrue(means.get("copy") > 0, "the users of this log repeat themselves");
    assertEquals(means.get("tppo") - means.get("sft"),
        results.at("/difference/tppo_minus_sft/token_template/mean").asDouble(), 1e-9);
  }

  /** No held-out user was trained on. */
  @Test
  void usersAreNotShared() throws IOException {
    Set<String> seen = new HashSet<>();
    int examples = 0;
    for (String split : List.of("train", "valid", "eval")) {
      Set<String> users = new HashSet<>();
      Examples.stream(whole.resolve("data/" + split + ".jsonl")).forEach(e -> users.add(e.user()));
      examples += users.size();
      seen.addAll(users);
    }
    assertEquals(examples, seen.size());
  }

  /** INVARIANTS 13: stopped in every stage that trains, a run goes on to the same bits. */
  @Test
  void anInterruptedRunEndsWithTheSameBits() throws Exception {
    Path out = dir.resolve("interrupted");
    for (String task : List.of("fine-tuning the policy", "sampling responses", "training the reward model", "token-level PPO")) {
      StoppedException stopped = assertThrows(StoppedException.class, () -> PipelineRuns.run(PipelineRuns.config(dir), out, task, 3), task);
      assertTrue(stopped.getMessage().startsWith("stopped during"), stopped.getMessage());
      assertFalse(Files.exists(out.resolve("results.json")));
    }
    assertThrows(StoppedException.class, () -> PipelineRuns.run(PipelineRuns.config(dir), out, "token-level PPO", 1), "and once more");
    PipelineRuns.refusesAnotherReference(() -> PipelineRuns.run(PipelineRuns.config(dir), out, null, 0), out.resolve("sft"), "train-policy");
    List<String> messages = PipelineRuns.run(PipelineRuns.config(dir), out, null, 0);
    assertTrue(messages.contains("train-policy: going on"), messages.toString());
    for (String name : List.of("sft", "reward-token", "tppo")) {
      assertArrayEquals(Files.readAllBytes(whole.resolve(name).resolve("model.safetensors")),
          Files.readAllBytes(out.resolve(name).resolve("model.safetensors")), name);
      assertEquals(withoutTime(whole.resolve(name)), withoutTime(out.resolve(name)), name);
    }
    for (String file : List.of("generate/responses.jsonl", "labels/token.jsonl", "evaluate/sft.jsonl", "evaluate/tppo.jsonl")) {
      assertEquals(Files.readString(whole.resolve(file)), Files.readString(out.resolve(file)), file);
    }
    assertEquals(rollouts(whole).keySet(), rollouts(out).keySet());
    rollouts(whole).forEach((name, bytes) -> assertArrayEquals(bytes, rollouts(out).get(name), name));
    assertEquals(results(whole), results(out));
  }

  /** INVARIANTS 6: all of metrics.jsonl but what the validation measured follows from the rollouts that were written beside it. */
  @Test
  void everyLoggedMetricFollowsFromTheDumpedRollouts() throws IOException {
    List<JsonNode> lines = withoutTime(whole.resolve("tppo"));
    for (JsonNode line : lines) {
      Map<String, Double> logged = new TreeMap<>();
      line.fields().forEachRemaining(field -> {
        if (!field.getKey().startsWith("eval/") && !field.getKey().equals("step")) {
          logged.put(field.getKey(), field.getValue().isNull() ? Double.NaN : field.getValue().asDouble());
        }
      });
      Path file = whole.resolve(String.format("tppo/rollouts/round-%06d.safetensors", line.get("step").asInt()));
      RolloutOracle.assertSame(RolloutOracle.metrics(file), logged);
    }
    assertEquals(lines.size(), rollouts(whole).size());
  }

  private static Map<String, byte[]> rollouts(Path out) {
    Map<String, byte[]> rollouts = new TreeMap<>();
    try (Stream<Path> files = Files.list(out.resolve("tppo/rollouts"))) {
      for (Path file : files.toList()) {
        rollouts.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return rollouts;
  }

  /** Not hours later, when the reward model's turn comes. */
  @Test
  void aRewardModelThatCannotMatchThePolicyIsRefusedAtTheStart() {
    TppoConfig config = PipelineRuns.config(dir, "reward.init=matching", "reward.shape.hidden_size=64");
    String message = assertThrows(ConfigException.class, () -> PipelineRuns.run(config, dir.resolve("unlike"), null, 0)).getMessage();
    assertTrue(message.startsWith("reward.init: matching wants a policy of reward.shape.hidden_size 64, that of sft.init has 32"), message);
    assertFalse(Files.exists(dir.resolve("unlike/data/train.jsonl")));
  }

  @Test
  void aFinishedRunIsLeftAlone() throws Exception {
    Path copy = dir.resolve("copy");
    PipelineRuns.copy(whole, copy);
    Map<String, FileTime> before = times(copy);
    List<String> messages = PipelineRuns.run(PipelineRuns.config(dir), copy, null, 0);
    assertEquals(STAGES.stream().map(s -> s + ": finished earlier").toList(), messages);
    assertEquals(before, times(copy));
  }

  private static List<JsonNode> metrics(Path stage) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(stage.resolve("metrics.jsonl"))) {
      lines.add(JSON.readTree(line));
    }
    assertFalse(lines.isEmpty());
    return lines;
  }

  private static List<JsonNode> withoutTime(Path stage) throws IOException {
    List<JsonNode> lines = metrics(stage);
    lines.forEach(line -> ((ObjectNode) line).remove("time_s"));
    return lines;
  }

  private static JsonNode results(Path out) throws IOException {
    ObjectNode results = (ObjectNode) JSON.readTree(out.resolve("results.json").toFile());
    results.remove(List.of("timing_s", "tokens_per_s"));
    return results;
  }

  private static Map<String, FileTime> times(Path out) throws IOException {
    Map<String, FileTime> times = new TreeMap<>();
    try (Stream<Path> files = Files.walk(out)) {
      for (Path file : files.filter(Files::isRegularFile).filter(f -> !f.endsWith(".lock")).toList()) {
        times.put(out.relativize(file).toString(), Files.getLastModifiedTime(file));
      }
    }
    return times;
  }
}
