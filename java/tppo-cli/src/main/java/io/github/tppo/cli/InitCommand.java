// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.ConfigTemplate;
import io.github.tppo.run.Pipeline;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tppo init}: a configuration to start from. */
@Command(name = "init", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Writes a commented configuration with every key and its default.")
final class InitCommand implements Callable<Integer> {
  private final Pipeline<?> pipeline;

  @Parameters(paramLabel = "FILE", arity = "0..1", defaultValue = "tppo.yaml",
      description = "Where to write it (default: ${DEFAULT-VALUE}; - is standard output).")
  private Path file;

  @Option(names = "--force", description = "Replace a file that is there.")
  private boolean force;

  @Spec
  private CommandSpec spec;

  InitCommand(Pipeline<?> pipeline) {
    this.pipeline = pipeline;
  }

  @Override
  public Integer call() throws Exception {
    String yaml = ConfigTemplate.yaml(ConfigReader.defaults(pipeline.config()));
    if (file.toString().equals("-")) {
      spec.commandLine().getOut().print(yaml);
      spec.commandLine().getOut().flush();
      return 0;
    }
    if (Files.exists(file) && !force) {
      throw new ConfigException(file + ": is there already; choose another name, or give --force to replace it");
    }
    AtomicFiles.write(file, yaml);
    spec.commandLine().getErr().println(file + " written; next: tppo run " + file);
    spec.commandLine().getErr().flush();
    return 0;
  }
}
