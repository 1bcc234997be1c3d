// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.Pipeline;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code tppo quickstart}: the whole pipeline on the log that the program carries. */
@Command(name = "quickstart", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Runs the whole pipeline on a small bundled log: minutes on two cores. The configuration and the log"
        + " are copied to DIR/input, to start from; without --out, DIR is runs/quickstart.")
final class QuickstartCommand implements Callable<Integer> {
  /** Where the bundled files are; {@code files.txt} among them names the others, one a line. */
  static final String RESOURCES = "/io/github/tppo/quickstart/";
  static final String CONFIG = "quickstart.yaml";

  private final Pipeline<?> pipeline;

  @Mixin
  private RunOptions options;

  @Spec
  private CommandSpec spec;

  QuickstartCommand(Pipeline<?> pipeline) {
    this.pipeline = pipeline;
  }

  @Override
  public Integer call() throws Exception {
    if (options.out == null) {
      options.out = Path.of("runs", "quickstart");
    }
    Path input = options.out.resolve("input");
    for (String name : new String(resource("files.txt"), StandardCharsets.UTF_8).lines().filter(line -> !line.isBlank()).toList()) {
      copy(name, input.resolve(name));
    }
    return new PipelineRun<>(pipeline, input.resolve(CONFIG), options, spec.commandLine()).all();
  }

  private static void copy(String name, Path target) throws IOException {
    byte[] bytes = resource(name);
    if (!Files.exists(target) || !Arrays.equals(bytes, Files.readAllBytes(target))) {
      AtomicFiles.write(target, out -> out.write(bytes));
    }
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = QuickstartCommand.class.getResourceAsStream(RESOURCES + name)) {
      if (in == null) {
        throw new IOException("the program's jar lacks " + RESOURCES + name + "; build it again");
      }
      return in.readAllBytes();
    }
  }
}
