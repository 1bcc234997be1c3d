// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.Pipeline;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tppo prepare}, {@code tppo sft}, ...: the stages of one command, also when they were finished before. */
@Command(mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true)
final class StageCommand implements Callable<Integer> {
  private static final Map<String, String> DESCRIPTIONS = Map.of(
      "prepare", "Stage 1: reads the logs and writes training and held-out examples.",
      "sft", "Stage 2: fine-tunes the policy on histories and the queries that followed.",
      "generate", "Stage 3: samples responses of the fine-tuned policy.",
      "label", "Stage 4: lets the judge score the responses and their words.",
      "train-reward", "Stage 5: trains the reward models on the labels.",
      "train-policy", "Stage 6: trains the policies.",
      "evaluate", "Stage 7: measures the models on held-out users.",
      "report", "Stage 8: writes results.json and report.html.");

  private final Pipeline<?> pipeline;
  private final String stage;

  @Parameters(paramLabel = "CONFIG", description = "The configuration of the run, the same for all its stages.")
  private Path config;

  @Mixin
  private RunOptions options;

  @Spec
  private CommandSpec spec;

  StageCommand(Pipeline<?> pipeline, String stage) {
    this.pipeline = pipeline;
    this.stage = stage;
  }

  static String description(String stage) {
    return DESCRIPTIONS.getOrDefault(stage, "Runs the stage " + stage + ".");
  }

  @Override
  public Integer call() throws Exception {
    if (!stage.equals("train-policy")) {
      options.refuseRollouts(spec.commandLine());
    }
    return new PipelineRun<>(pipeline, config, options, spec.commandLine()).one(stage);
  }
}
