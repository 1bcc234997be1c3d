// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.pipeline.SearchPipeline;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tppo search}: the same search for the settings of every method. */
@Command(name = "search", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Trains search.trials policies of each method in search.space with other settings, judges them on validation users, and"
        + " keeps the record in DIR/search/record.jsonl. The users of the evaluation are not looked at. Run again, it goes on where it stopped.")
final class SearchCommand implements Callable<Integer> {
  @Parameters(paramLabel = "CONFIG", description = "A configuration with a section search.")
  private Path config;

  @Mixin
  private RunOptions options;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    options.refuseRollouts(spec.commandLine());
    return new PipelineRun<>(SearchPipeline.create(), config, options, spec.commandLine()).all();
  }
}
