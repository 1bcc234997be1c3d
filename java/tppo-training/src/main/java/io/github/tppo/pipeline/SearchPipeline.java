// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.run.ConfigException;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import java.util.ArrayList;
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

  /** The stages up to the reward models, then two for each trial. */
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
      throw new ConfigException("search.space: empty, expected what to try for each of " + String.join(", ", methods.keySet()));
    }
    List<Arm> arms = new ArrayList<>();
    List<JudgeTrialStage> judges = new ArrayList<>();
    config.search().space().forEach((method, keys) -> {
      if (!methods.containsKey(method)) {
        throw new ConfigException("search.space." + method + ": no such method, expected one of " + String.join(", ", methods.keySet()));
      }
      String source = "search.space." + method;
      List<List<String>> trials = new SearchSpace(keys, source).trials(config.search().trials(), config.seed());
      for (int i = 0; i < trials.size(); i++) {
        String name = method + "-" + i;
        Arm arm = methods.get(method).variant(name, "search/" + name + "/", trials.get(i), source);
        arms.add(arm);
        judges.add(new JudgeTrialStage(method, i, trials.get(i), arm));
      }
    });
    List<Stage<TppoConfig>> stages = new ArrayList<>(TppoPipeline.training(arms));
    stages.addAll(judges);
    stages.add(new SearchStage(judges));
    return stages;
  }
}
