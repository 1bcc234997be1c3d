// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.ConfigException;
import io.github.tppo.text.BpeTrainer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tppo tokenizer}: a tokenizer for a log's own language. */
@Command(name = "tokenizer", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Trains a byte-level BPE tokenizer on the queries of prepared examples and writes tokenizer.json and"
        + " tokenizer_config.json; text.tokenizer in a configuration takes the folder.")
final class TokenizerCommand implements Callable<Integer> {
  @Option(names = "--examples", paramLabel = "FILE", required = true,
      description = "Examples of tppo prepare, such as runs/my/data/train.jsonl.")
  private Path examples;

  @Option(names = "--vocabulary", defaultValue = "2048", description = "Number of tokens (default: ${DEFAULT-VALUE}).")
  private int vocabulary;

  @Option(names = "--out", paramLabel = "DIR", required = true, description = "Where to write the two files.")
  private Path out;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    if (!Files.isRegularFile(examples)) {
      throw new ConfigException("--examples " + examples + ": no such file; tppo prepare writes train.jsonl");
    }
    try {
      int tokens = BpeTrainer.trainOnExamples(examples, vocabulary, out);
      spec.commandLine().getOut().println(out.resolve("tokenizer.json") + ": " + tokens + " tokens");
      spec.commandLine().getOut().flush();
      return 0;
    } catch (IllegalArgumentException e) {
      throw new ConfigException("--vocabulary " + vocabulary + ": " + e.getMessage());
    }
  }
}
