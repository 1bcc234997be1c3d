// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.pipeline.AdapterMerge;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tppo checkpoint merge}: a checkpoint out of a base and adapters. */
@Command(name = "merge", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Folds LoRA adapters in PEFT's form into the weights of the checkpoint they were trained on, and writes a checkpoint"
        + " that needs no adapters.")
final class MergeCommand implements Callable<Integer> {
  @Option(names = "--model", paramLabel = "DIR", required = true,
      description = "The checkpoint that the adapters were trained on, in Hugging Face form.")
  private Path model;

  @Option(names = "--adapter", paramLabel = "DIR", required = true,
      description = "The folder with adapter_config.json and adapter_model.safetensors, such as runs/my/tppo/adapter.")
  private Path adapter;

  @Option(names = "--out", paramLabel = "DIR", required = true, description = "Where to write: an empty folder or none yet.")
  private Path out;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    AdapterMerge.run(model, adapter, out);
    spec.commandLine().getOut().println(out + ": " + model + " with " + adapter + " merged");
    spec.commandLine().getOut().flush();
    return 0;
  }
}
