// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.Pipeline;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tppo run}: all stages. */
@Command(name = "run", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Runs the whole pipeline; run again, it goes on where it stopped.")
final class RunCommand implements Callable<Integer> {
  private final Pipeline<?> pipeline;

  @Parameters(paramLabel = "CONFIG", description = "A YAML or JSON file (tppo init writes one).")
  private Path config;

  @Mixin
  private RunOptions options;

  @Spec
  private CommandSpec spec;

  RunCommand(Pipeline<?> pipeline) {
    this.pipeline = pipeline;
  }

  @Override
  public Integer call() throws Exception {
    return new PipelineRun<>(pipeline, config, options, spec.commandLine()).all();
  }
}
