// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.run.ConfigException;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A search for the settings of each method: from the same SFT policy, samples and labels, as many policies of each method with
 * other settings, judged on validation users. The users of the evaluation are not looked at.
 */
public final class SearchPipeline implements Pipeline<TppoConfig> {
  private SearchPipeline() {}

  /** The stages up to the reward models, then two for each trial: the first trial of every method, the second of every method, ... */
  public static Pipeline<TppoConfig> create() {
    return new SearchPipeline();
  }

  @Override
  public Class<TppoConfig> config() {
    return TppoConfig.class;
  }

  @Override
  public List<Stage<TppoConfig>> stages(TppoConfig config) {
    Map<String, Arm> methods = TppoPipeline.compared(config).stream().collect(Collectors.toMap(Arm::name, Function.identity()));
    if (config.search().space().isEmpty()) {
      throw new ConfigException("search.space: empty, expected what to try for each of " + String.join(", ", methods.keySet())
          + ", for instance {tppo: [policy.kl_coef=0.05|0.15, policy.optimizer.learning_rate=1e-4|2e-4]}");
    }
    Map<String, List<List<String>>> overrides = new LinkedHashMap<>();
    config.search().space().forEach((method, keys) -> {
      if (!methods.containsKey(method)) {
        throw new ConfigException("search.space." + method + ": no such method, expected one of " + String.join(", ", methods.keySet()));
      }
      overrides.put(method, new SearchSpace(keys, "search.space." + method).trials(config.search().trials(), config.seed(),
          trial -> methods.get(method).variant(method, "", trial, "search.space." + method).config(config)));
    });
    List<Arm> arms = new ArrayList<>();
    List<JudgeTrialStage> judges = new ArrayList<>();
    for (int i = 0; i < config.search().trials(); i++) {
      for (Map.Entry<String, List<List<String>>> method : overrides.entrySet()) {
        String name = method.getKey() + "-" + i;
        List<String> trial = method.getValue().get(i);
        Arm arm = methods.get(method.getKey()).variant(name, "search/" + name + "/", trial, "search.space." + method.getKey());
        arms.add(arm);
        judges.add(new JudgeTrialStage(method.getKey(), i, trial, arm, judges));
      }
    }
    List<Stage<TppoConfig>> stages = new ArrayList<>();
    for (Stage<TppoConfig> stage : TppoPipeline.training(arms)) {
      stages.add(stage);
      judges.stream().filter(judge -> judge.judges(stage.name())).forEach(stages::add);
    }
    stages.add(new SearchStage(judges));
    return stages;
  }
}
