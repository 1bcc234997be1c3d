// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.model.CheckpointTools;
import io.github.tppo.model.WeightFormat;
import io.github.tppo.run.Reporter;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tppo checkpoint merge}: a checkpoint out of a base and adapters. */
@Command(name = "merge", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Folds LoRA adapters in PEFT's form into the weights of the checkpoint they were trained on, and writes a checkpoint"
        + " that needs no adapters.")
final class MergeCommand extends CheckpointCommand.Writing {
  @Parameters(paramLabel = "DIR", description = "The checkpoint that the adapters were trained on, in Hugging Face form.")
  private Path model;

  @Option(names = "--adapter", paramLabel = "DIR", required = true,
      description = "The folder with adapter_config.json and adapter_model.safetensors, such as runs/my/tppo/adapter.")
  private Path adapter;

  @Override
  void write(WeightFormat format, Path out, Reporter reporter) throws IOException {
    CheckpointTools.merge(model, adapter, format, out, reporter.task("writing weights"));
  }
}
