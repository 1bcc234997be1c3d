// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.Backend;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** What every command that runs stages takes. */
final class RunOptions {
  @Option(names = "--out", paramLabel = "DIR", description = "The run's folder (default: runs/ and the configuration's name).")
  Path out;

  @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Put a value over the configuration's, such as"
      + " --set policy.steps=40. May be repeated; lists as a,b,c.")
  List<String> overrides = new ArrayList<>();

  @Option(names = "--backend", paramLabel = "auto|cpu|cuda", defaultValue = "auto",
      description = "Where to compute (default: ${DEFAULT-VALUE}); models train on the CPU in this version.")
  Backend backend;

  @Option(names = "--allow-config-change", description = "Go on with a changed configuration: finished stages that"
      + " depend on a changed key are run again.")
  boolean allowConfigChange;

  @Option(names = "--dump-rollouts", description = "Of run, quickstart and train-policy: write what every round of PPO sampled, scored"
      + " and learnt from, for each policy below its rollouts/.")
  boolean dumpRollouts;

  @Option(names = "--json", description = "Print results.json on standard output at the end.")
  boolean json;

  /** For commands that train no policy by PPO whose metrics anyone reads. */
  void refuseRollouts(CommandLine command) {
    if (dumpRollouts) {
      throw new ParameterException(command, "--dump-rollouts: this command writes no rollouts; tppo run and tppo train-policy do");
    }
  }
}
