// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.data.History;
import io.github.tppo.run.Backend;
import io.github.tppo.run.ConfigException;
import io.github.tppo.suggest.Suggester;
import io.github.tppo.suggest.Suggestion;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tppo suggest}: queries for histories. */
@Command(name = "suggest", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = {"Writes a user's next queries with a trained policy.",
        "In: JSON, one history or several, such as {\"search\": [\"pasta recipe\", \"pasta sauce\"]}, oldest first; an example"
            + " of train.jsonl will do.",
        "Out: for each history one line {\"queries\": [...], \"text\": ..., \"logprob\": ...}."})
final class SuggestCommand implements Callable<Integer> {
  @Option(names = "--model", paramLabel = "DIR", required = true,
      description = "A policy in Hugging Face form, such as runs/quickstart/tppo.")
  private Path model;

  @Option(names = "--history", paramLabel = "FILE", description = "The histories (default: standard input).")
  private Path file;

  @Option(names = "--temperature", description = "Softmax temperature, 0 for the likeliest tokens"
      + " (default: the one the policy was trained at).")
  private Double temperature;

  @Option(names = "--seed", defaultValue = "1", description = "Seed of the sampling (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(names = "--backend", paramLabel = "auto|cpu|cuda", defaultValue = "auto", description = "Where to compute.")
  private Backend backend;

  @Option(names = "--json", description = "Accepted for symmetry: the output is JSON with or without it.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    if (temperature != null && !(temperature >= 0 && temperature < Double.POSITIVE_INFINITY)) {
      throw new ConfigException("--temperature " + temperature + ": expected a number from 0 (the likeliest tokens)");
    }
    if (backend == Backend.CUDA) {
      throw new ConfigException("--backend cuda: policies run on the CPU in this version; give --backend cpu or auto");
    }
    try (Suggester suggester = Suggester.load(model)) {
      List<History> histories = histories();
      double t = temperature == null ? suggester.settings().temperature() : temperature;
      for (Suggestion suggestion : suggester.suggest(histories, t, seed)) {
        Json.print(spec.commandLine().getOut(), suggestion);
      }
    }
    return 0;
  }

  private List<History> histories() throws IOException {
    if (file == null) {
      return Suggester.histories(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)), "standard input");
    }
    try (Reader in = Files.newBufferedReader(file)) {
      return Suggester.histories(in, file.toString());
    }
  }
}
