// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.judge.Template;
import io.github.tppo.report.ReportWriter;
import io.github.tppo.run.AblationConfig;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.Check;
import io.github.tppo.run.ExperimentConfig;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The stages of the method, in the order of the data: log, examples, policy, responses, labels, rewards, policies, results, page. */
public final class TppoPipeline implements Pipeline<TppoConfig> {
  private TppoPipeline() {}

  /** All stages, from the log to the page. */
  public static Pipeline<TppoConfig> create() {
    return new TppoPipeline();
  }

  @Override
  public Class<TppoConfig> config() {
    return TppoConfig.class;
  }

  @Override
  public List<Stage<TppoConfig>> stages(TppoConfig config) {
    List<Ablation> ablations = Ablation.of(config);
    List<Arm> compared = compared(config);
    List<Arm> all = new ArrayList<>(compared);
    all.addAll(Ablation.arms(ablations));
    List<Stage<TppoConfig>> stages = new ArrayList<>(training(all));
    EvaluateStage evaluate = new EvaluateStage(compared, ablations, stages.stream().map(Stage::name).toList());
    stages.add(evaluate);
    stages.add(new ReportStage(evaluate.needs()));
    return stages;
  }

  /** The stages that train some policies. */
  static List<Stage<TppoConfig>> training(List<Arm> arms) {
    List<Stage<TppoConfig>> stages = new ArrayList<>(List.of(new PrepareStage(), new SftStage(), new GenerateStage(),
        new LabelStage(Template.TOKEN)));
    if (arms.stream().anyMatch(arm -> arm.method() == Method.PPO)) {
      stages.add(new LabelStage(Template.SENTENCE));
    }
    Map<String, Arm> rewards = new LinkedHashMap<>(Map.of(Arm.TPPO.rewardStage(), Arm.TPPO));
    arms.stream().filter(arm -> arm.method().hasReward()).forEach(arm -> rewards.putIfAbsent(arm.rewardStage(), arm));
    rewards.values().forEach(arm -> stages.add(new TrainRewardStage(arm)));
    arms.forEach(arm -> stages.add(new TrainPolicyStage(arm)));
    return stages;
  }

  /** The trained policies that are compared with each other. */
  static List<Arm> compared(TppoConfig config) {
    List<Arm> arms = new ArrayList<>(List.of(Arm.TPPO));
    config.experiment().arms().forEach((name, overrides) -> arms.add(Arm.of(name, overrides)));
    return arms;
  }

  @Override
  public Map<String, TppoConfig> runs(TppoConfig config) {
    ExperimentConfig experiment = config.experiment();
    if (experiment.seeds().isEmpty()) {
      return Map.of("", config);
    }
    Map<String, TppoConfig> runs = new LinkedHashMap<>();
    for (long seed : experiment.seeds()) {
      boolean ablate = experiment.ablation().seeds() == 0 || runs.size() < experiment.ablation().seeds();
      runs.put("seed-" + seed, config.withSeed(seed, new ExperimentConfig(List.of(), experiment.arms(),
          ablate ? experiment.ablation() : AblationConfig.none())));
    }
    return runs;
  }

  @Override
  public void combine(TppoConfig config, RunFolder folder, List<Path> runs) throws IOException {
    Map<String, TppoConfig> asked = runs(config);
    Check.list("runs", runs);
    Check.require(runs.size() == asked.size(), "runs", runs.size(), "the folders of the " + asked.size() + " runs");
    SeedResults results = new SeedResults(List.copyOf(asked.values()), runs);
    AtomicFiles.write(folder.resultsFile(), new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(results.all()));
    ReportWriter.write(folder);
  }
}
