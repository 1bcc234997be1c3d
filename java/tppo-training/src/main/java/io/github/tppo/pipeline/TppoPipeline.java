// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.run.Pipeline;
import io.github.tppo.run.TppoConfig;
import java.util.List;

/** The stages of the method, in the order of the data: log, examples, policy, responses, labels, rewards, policy, results, page. */
public final class TppoPipeline {
  private TppoPipeline() {}

  /** All stages, from the log to the page. */
  public static Pipeline<TppoConfig> create() {
    return new Pipeline<>(TppoConfig.class, List.of(new PrepareStage(), new SftStage(), new GenerateStage(), new LabelStage(),
        new TrainRewardStage(), new TrainPolicyStage(), new EvaluateStage(), new ReportStage()));
  }
}
