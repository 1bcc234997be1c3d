// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.github.tppo.judge.Judges;
import io.github.tppo.model.Decoder;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.MetricsWriter;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Judges the policy of one trial of a search on validation users: {@code search/METHOD-N/score.json}, a line of {@code search/record.jsonl}. */
final class JudgeTrialStage implements Stage<TppoConfig> {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String method;
  private final int trial;
  private final List<String> overrides;
  private final Arm arm;
  private final List<JudgeTrialStage> before;

  /**
   * @param arm the policy, trained with the overrides
   * @param before the trials that come before this one
   */
  JudgeTrialStage(String method, int trial, List<String> overrides, Arm arm, List<JudgeTrialStage> before) {
    this.before = List.copyOf(before);
    this.method = method;
    this.trial = trial;
    this.overrides = overrides;
    this.arm = arm;
  }

  @Override
  public String name() {
    return arm.stage("judge");
  }

  @Override
  public String command() {
    return "search";
  }

  @Override
  public TppoConfig config(TppoConfig run) {
    return arm.config(run);
  }

  @Override
  public List<String> needs() {
    List<String> needs = new ArrayList<>(List.of("prepare", "sft"));
    needs.addAll(trainingStages());
    return needs;
  }

  private List<String> trainingStages() {
    return arm.ownReward() ? List.of(arm.rewardStage(), arm.policyStage()) : List.of(arm.policyStage());
  }

  @Override
  public List<String> configKeys() {
    return Stream.concat(Stream.of("seed", "text", "sampling", "search.examples", "search.samples_per_example"),
        LabelStage.JUDGE_KEYS.stream()).toList();
  }

  @Override
  public List<String> outputs() {
    return List.of(arm.home() + "score.json");
  }

  @Override
  public void check(TppoConfig config) throws IOException {
    Judges.check(config.judge());
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    Compute.prepare(context);
    TppoConfig config = context.config();
    Path dir = context.folder().model(arm.folder());
    Validation.Scores scores;
    try (Tokenizer tokenizer = Tokenizer.load(dir);
        Decoder policy = Decoder.open(dir);
        Validation validation = new Validation(context, policy, tokenizer, config.search().examples(), config.search().samplesPerExample())) {
      scores = validation.scores();
    }
    Map<String, Double> seconds = context.folder().state().seconds();
    SearchTrial result = new SearchTrial(method, trial, overrides, (scores.token() + scores.sentence()) / 2, scores.token(),
        scores.sentence(), lastKl(dir), scores.tokens(), scores.rightCount(), scores.unjudged(),
        trainingStages().stream().mapToDouble(seconds::get).sum());
    AtomicFiles.write(file(context), JSON.writeValueAsString(result) + "\n");
    StringBuilder record = new StringBuilder();
    for (JudgeTrialStage earlier : before) {
      record.append(Files.readString(earlier.file(context)));
    }
    AtomicFiles.write(record(context), record + Files.readString(file(context)));
  }

  /** The results of all trials up to now. */
  static Path record(RunContext<TppoConfig> context) {
    return context.folder().path("search/record.jsonl");
  }

  private static Double lastKl(Path dir) throws IOException {
    List<String> lines = Files.readAllLines(dir.resolve(MetricsWriter.FILE));
    JsonNode kl = lines.isEmpty() ? MissingNode.getInstance() : JSON.readTree(lines.get(lines.size() - 1)).path("objective/kl");
    return kl.isNumber() ? kl.asDouble() : null;
  }

  /** Whether a stage is the last one before this. */
  boolean judges(String stage) {
    return stage.equals(arm.policyStage());
  }

  private Path file(RunContext<TppoConfig> context) {
    return context.folder().path(arm.home()).resolve("score.json");
  }
}
