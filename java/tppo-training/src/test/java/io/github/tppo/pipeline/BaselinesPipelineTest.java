// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.judge.LabelledResponse;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.Workers;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.Stage;
import io.github.tppo.run.StoppedException;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The baselines on the log of {@link PipelineTest}: sentence-level reward model and PPO, DPO. */
class BaselinesPipelineTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> BASELINES = List.of("ppo", "dpo");

  @TempDir
  static Path dir;
  private static Path whole;

  @BeforeAll
  static void uninterruptedRun() throws Exception {
    PipelineRuns.writeLog(dir.resolve("log.tsv"));
    whole = dir.resolve("whole");
    PipelineRuns.run(config(), whole, null, 0);
  }

  @AfterAll
  static void workers() {
    Workers.setCount(Runtime.getRuntime().availableProcessors());
  }

  private static TppoConfig config(String... sets) {
    List<String> all = new ArrayList<>(List.of("policy.steps=3", "reward.epochs=2", "dpo.batch_size=8",
        "dpo.eval_every=2", "experiment.arms={ppo: [policy.kl_coef=0.05, reward.optimizer.learning_rate=0.003], dpo: [dpo.beta=0.2]}"));
    all.addAll(List.of(sets));
    return PipelineRuns.config(dir, all.toArray(String[]::new));
  }

  private static List<JsonNode> metrics(Path run, String stage) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve(stage).resolve("metrics.jsonl"))) {
      lines.add(JSON.readTree(line));
    }
    return lines;
  }

  @Test
  void theBaselinesAreTrainedInTheirFoldersAndCompared() throws IOException {
    JsonNode results = JSON.readTree(whole.resolve("results.json").toFile());
    for (String name : BASELINES) {
      assertTrue(Files.exists(whole.resolve(name).resolve("model.safetensors")), name);
      assertTrue(Files.exists(whole.resolve(name).resolve("tokenizer.json")), name);
      assertFalse(Arrays.equals(Files.readAllBytes(whole.resolve("sft/model.safetensors")),
          Files.readAllBytes(whole.resolve(name).resolve("model.safetensors"))), name);
      for (String template : List.of("sentence_template", "token_template")) {
        assertTrue(results.at("/relevance_rate/" + template + "/" + name + "/mean").isNumber(), name);
      }
    }
    for (String model : List.of("token", "sentence")) {
      assertTrue(results.at("/reward_model/" + model + "/eval_loss").isNumber(), model);
    }
    for (String stage : List.of("label-sentence", "train-reward-sentence", "train-policy-ppo", "train-policy-dpo", "evaluate")) {
      assertTrue(results.path("timing_s").has(stage), stage);
    }
    assertEquals(1, LongformerConfig.read(whole.resolve("reward-sentence/config.json")).labels());
    assertEquals(3, LongformerConfig.read(whole.resolve("reward-token/config.json")).labels());
    assertTrue(Files.exists(whole.resolve("reward-sentence/tokenizer.json")));
  }

  /** The same samples are labelled with the other template, which has no words. */
  @Test
  void theSentenceTemplatesLabelsAreOfTheSameSamples() throws IOException {
    List<LabelledResponse> tokens = LabelledResponse.read(whole.resolve("labels/token.jsonl"));
    List<LabelledResponse> sentences = LabelledResponse.read(whole.resolve("labels/sentence.jsonl"));
    Set<String> labelled = sentences.stream().map(l -> l.user() + " " + l.stream()).collect(Collectors.toCollection(TreeSet::new));
    assertTrue(labelled.containsAll(tokens.stream().map(l -> l.user() + " " + l.stream()).toList()));
    assertTrue(sentences.stream().allMatch(l -> l.words().isEmpty()));
    assertTrue(sentences.stream().anyMatch(l -> l.sentence() == 1) && sentences.stream().anyMatch(l -> l.sentence() == 0));
  }

  @Test
  void metricsHaveTheNamesThatToolsKnow() throws IOException {
    for (JsonNode round : metrics(whole, "ppo")) {
      for (String name : List.of("objective/kl", "objective/scores", "objective/scores_std", "loss/value_avg")) {
        assertTrue(round.path(name).isNumber(), name);
      }
      assertEquals(0.05, round.get("objective/kl_coef").asDouble(), 0.02, "the arm's own coefficient, adapted a little");
      assertFalse(round.has("reward/token_relevant_frac"), "a sentence-level reward model knows no classes");
    }
    List<JsonNode> dpo = metrics(whole, "dpo");
    for (JsonNode step : dpo) {
      for (String name : List.of("loss/dpo", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins",
          "logps/chosen", "logps/rejected", "lr", "policy/grad_norm", "steps_skipped")) {
        assertTrue(step.path(name).isNumber(), name);
      }
    }
    assertEquals(0, dpo.get(0).get("rewards/margins").asDouble(), "training begins at the reference");
    assertTrue(dpo.get(dpo.size() - 1).get("rewards/margins").asDouble() > 0);
    assertTrue(dpo.get(1).has("eval/judge_sentence_relevance") && !dpo.get(0).has("eval/judge_sentence_relevance"));
    List<JsonNode> reward = metrics(whole, "reward-sentence");
    assertTrue(reward.get(0).path("loss/reward").isNumber());
    assertTrue(reward.get(4).path("eval/auc_weighted").isNumber() && reward.get(4).path("eval/loss").isNumber());
    JsonNode figures = JSON.readTree(whole.resolve("state.json").toFile());
    assertTrue(figures.toString().contains("train-reward-sentence"));
  }

  /** INVARIANTS 13: stopped in every stage that trains, a run goes on to the same bits. */
  @Test
  void anInterruptedRunEndsWithTheSameBits() throws Exception {
    Path out = dir.resolve("interrupted");
    for (String task : List.of("training the sentence-level reward model", "sentence-level PPO", "DPO")) {
      assertThrows(StoppedException.class, () -> PipelineRuns.run(config(), out, task, 3), task);
      if (!task.startsWith("training")) {
        String stage = task.equals("DPO") ? "train-policy-dpo" : "train-policy-ppo";
        PipelineRuns.refusesAnotherReference(() -> PipelineRuns.run(config(), out, null, 0), out.resolve("sft"), stage);
      }
    }
    List<String> messages = PipelineRuns.run(config(), out, null, 0);
    assertTrue(messages.contains("train-policy-dpo: going on"), messages.toString());
    for (String name : List.of("reward-sentence", "ppo", "dpo", "tppo")) {
      assertArrayEquals(Files.readAllBytes(whole.resolve(name).resolve("model.safetensors")),
          Files.readAllBytes(out.resolve(name).resolve("model.safetensors")), name);
    }
  }

  /** A run without baselines, to which they are then added: what is finished stays, and the result is that of one run. */
  @Test
  void baselinesCanBeAddedToAFinishedRun() throws Exception {
    Path out = dir.resolve("added");
    PipelineRuns.run(config("experiment.arms={}"), out, null, 0);
    assertFalse(Files.exists(out.resolve("labels/sentence.jsonl")), "no label is asked for that nobody needs");
    try (RunFolder folder = RunFolder.open(out)) {
      folder.begin(config(), true);
    }
    List<String> messages = PipelineRuns.run(config(), out, null, 0);
    assertTrue(messages.containsAll(List.of("label: finished earlier", "train-reward: finished earlier",
        "train-policy: finished earlier", "label-sentence: begins", "train-policy-ppo: begins", "train-policy-dpo: begins")),
        messages.toString());
    for (String name : BASELINES) {
      assertArrayEquals(Files.readAllBytes(whole.resolve(name).resolve("model.safetensors")),
          Files.readAllBytes(out.resolve(name).resolve("model.safetensors")), name);
    }
  }

  @Test
  void anotherReferenceIsNotGoneOnWith() throws Exception {
    Path out = dir.resolve("swapped");
    assertThrows(StoppedException.class, () -> PipelineRuns.run(config(), out, "DPO", 2));
    Path weights = out.resolve("sft/model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 1;
    Files.write(weights, bytes);
    String message = assertThrows(RuntimeException.class, () -> PipelineRuns.run(config(), out, null, 0)).getMessage();
    assertTrue(message.startsWith("train-policy-dpo: the weights in sft/"), message);
  }

  @Test
  void settingsThatDoNotFitAreRefusedBeforeTheRun() throws IOException {
    String[][] bad = {{"policy.only_labelled_tokens=true", "policy.only_labelled_tokens"},
        {"experiment.arms={dpo: [policy.kl_coef=1]}", "experiment.arms.dpo: found policy.kl_coef=1, expected dpo.KEY=value"},
        {"experiment.arms={ppo: [dpo.beta=1]}", "experiment.arms.ppo: found dpo.beta=1, expected reward.KEY=value or policy.KEY=value"},
        {"reward.init=" + whole.resolve("reward-token"), "has 3 labels, expected 1 for sentence-level PPO"}};
    for (int i = 0; i < bad.length; i++) {
      String[] each = bad[i];
      Path out = dir.resolve("bad" + i);
      String message = assertThrows(ConfigException.class, () -> PipelineRuns.run(config(each[0]), out, null, 0)).getMessage();
      assertTrue(message.contains(each[1]), message);
    }
    assertThrows(ConfigException.class, () -> config("experiment.arms={tppo: []}"));
  }

  /** Every trial of a method has its own settings; what they share is trained once. */
  @Test
  void aSearchTriesTheBaselinesToo() throws Exception {
    Path out = dir.resolve("search");
    TppoConfig config = config("sft.max_steps=5", "search.trials=2", "search.examples=4", "search.samples_per_example=1", "policy.steps=2", "dpo.max_steps=2",
        "experiment.arms={ppo: [], dpo: []}",
        "search.space={ppo: ['policy.kl_coef=0.3|0.4'], dpo: ['dpo.beta=0.3|0.4']}");
    PipelineRuns.run(SearchPipeline.create(), config, out, null, 0);
    List<SearchTrial> trials = new ArrayList<>();
    for (String line : Files.readAllLines(out.resolve("search/record.jsonl"))) {
      trials.add(JSON.readValue(line, SearchTrial.class));
    }
    assertEquals(List.of("ppo", "dpo", "ppo", "dpo"), trials.stream().map(SearchTrial::method).toList());
    for (String folder : List.of("reward-sentence", "search/ppo-0/ppo", "search/ppo-1/ppo", "search/dpo-0/dpo", "search/dpo-1/dpo")) {
      assertTrue(Files.exists(out.resolve(folder).resolve("model.safetensors")), folder);
    }
    assertFalse(Files.exists(out.resolve("search/ppo-1/reward-sentence")));
    assertTrue(trials.stream().allMatch(t -> t.seconds() > 0));
  }

  @Test
  void everyStageOfACommandIsNamedForItsBaseline() {
    List<Stage<TppoConfig>> stages = TppoPipeline.create().stages(config());
    assertEquals(List.of("train-policy", "train-policy-ppo", "train-policy-dpo"),
        stages.stream().filter(s -> s.command().equals("train-policy")).map(Stage::name).toList());
    assertEquals(List.of("train-reward", "train-reward-sentence"),
        stages.stream().filter(s -> s.command().equals("train-reward")).map(Stage::name).toList());
    assertEquals(List.of("label", "label-sentence"),
        stages.stream().filter(s -> s.command().equals("label")).map(Stage::name).toList());
  }
}
