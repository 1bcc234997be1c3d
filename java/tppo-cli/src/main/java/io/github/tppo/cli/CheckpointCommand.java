// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.model.CheckpointInfo;
import io.github.tppo.model.CheckpointTools;
import io.github.tppo.model.CompanionFiles;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.DecoderPresets;
import io.github.tppo.model.WeightFormat;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.Reporter;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tppo checkpoint}: tools for checkpoints in Hugging Face form. */
@Command(name = "checkpoint", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Tools for checkpoints in Hugging Face form: what is in one, another type or size of its files, adapters merged,"
        + " one with random weights.",
    subcommands = {CheckpointCommand.InfoCommand.class, CheckpointCommand.ConvertCommand.class, CheckpointCommand.RandomCommand.class,
        MergeCommand.class})
final class CheckpointCommand implements Runnable {
  @Spec
  private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "checkpoint what? " + String.join(", ", spec.subcommands().keySet()));
  }

  /** How weights are written, and where. */
  abstract static class Writing implements Callable<Integer> {
    @Option(names = "--dtype", paramLabel = "TYPE", defaultValue = "bfloat16",
        description = "Type of the weights: float32, bfloat16 or float16 (default: ${DEFAULT-VALUE}).")
    private String dtype;

    @Option(names = "--shard-size", paramLabel = "SIZE", defaultValue = "5GB",
        description = "Most bytes of weights in one file, such as 500MB (default: ${DEFAULT-VALUE}).")
    private String shardSize;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "Where to write the checkpoint: an empty folder, or none yet.")
    private Path out;

    @Spec
    private CommandSpec spec;

    abstract void write(WeightFormat format, Path out, Reporter reporter) throws IOException;

    @Override
    public final Integer call() throws Exception {
      WeightFormat format;
      try {
        format = WeightFormat.of(dtype, ByteSize.parse("--shard-size", shardSize));
      } catch (IllegalArgumentException e) {
        throw new ConfigException("--dtype " + dtype + ": expected float32, bfloat16 or float16");
      }
      requireEmpty();
      try (Reporter reporter = PipelineRun.reporter(spec.commandLine().getErr())) {
        write(format, out, reporter);
      } catch (IOException | RuntimeException e) {
        clear();
        throw e;
      }
      show(CheckpointInfo.read(out), out, spec.commandLine().getOut());
      return 0;
    }

    /** Takes back what a failure left, so that the command can be given again. */
    private void clear() throws IOException {
      if (Files.isDirectory(out)) {
        try (Stream<Path> content = Files.list(out)) {
          for (Path each : content.toList()) {
            AtomicFiles.delete(each);
          }
        }
      }
    }

    /** What another checkpoint leaves behind, such as its end tokens or its chat template, would be taken for this one's. */
    private void requireEmpty() throws IOException {
      if (Files.exists(out)) {
        try (Stream<Path> content = Files.isDirectory(out) ? Files.list(out) : Stream.of(out)) {
          if (content.findAny().isPresent()) {
            throw new ConfigException("--out " + out + ": is there already, expected an empty folder or none");
          }
        }
      }
    }
  }

  @Command(name = "info", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
      description = "Checks a checkpoint's files as loading does and shows shape, weights, files and the memory that using it takes.")
  static final class InfoCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "A checkpoint in Hugging Face form.")
    private Path model;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws Exception {
      CheckpointInfo info = CheckpointInfo.read(model);
      PrintWriter out = spec.commandLine().getOut();
      if (json) {
        Json.print(out, info);
      } else {
        show(info, model, out);
      }
      return 0;
    }
  }

  @Command(name = "convert", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
      description = "Writes a checkpoint again, its weights of another type or in files of another size.")
  static final class ConvertCommand extends Writing {
    @Parameters(paramLabel = "DIR", description = "A checkpoint in Hugging Face form.")
    private Path model;

    @Override
    void write(WeightFormat format, Path out, Reporter reporter) throws IOException {
      CheckpointTools.convert(model, format, out, reporter.task("writing weights"));
    }
  }

  @Command(name = "random", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
      description = "Writes a checkpoint with random weights, for tests and measurements: the same bits for the same seed.")
  static final class RandomCommand extends Writing {
    @ArgGroup(exclusive = true, multiplicity = "1")
    private Model model;

    static final class Model {
      @Option(names = "--shape", paramLabel = "NAME", completionCandidates = Shapes.class,
          description = "A well-known shape: ${COMPLETION-CANDIDATES}.")
      private String shape;

      @Option(names = "--config", paramLabel = "FILE", description = "A config.json of mistral, llama, qwen2 or longformer.")
      private Path config;
    }

    static final class Shapes implements Iterable<String> {
      @Override
      public Iterator<String> iterator() {
        return DecoderPresets.names().iterator();
      }
    }

    @Option(names = "--seed", defaultValue = "1", description = "Seed of the weights (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--tokenizer", paramLabel = "DIR", description = "Folder of the tokenizer to put beside the weights (default: the bundled one).")
    private Path tokenizerDir;

    @Override
    void write(WeightFormat format, Path out, Reporter reporter) throws IOException {
      try (Tokenizer tokenizer = tokenizerDir == null ? Tokenizer.loadShipped() : Tokenizer.load(tokenizerDir)) {
        if (model.shape == null) {
          checkVocabulary(tokenizer, CheckpointTools.vocabSize(model.config), model.config.toString());
          CheckpointTools.writeRandom(model.config, seed, format, out, reporter.task("writing weights"));
        } else {
          CheckpointTools.writeRandom(shape(tokenizer), seed, format, out, reporter.task("writing weights"));
        }
      }
      copyTokenizer(out);
    }

    private DecoderConfig shape(Tokenizer tokenizer) {
      if (!DecoderPresets.names().contains(model.shape)) {
        throw new ConfigException("--shape " + model.shape + ": expected one of " + String.join(", ", DecoderPresets.names()));
      }
      checkVocabulary(tokenizer, DecoderPresets.of(model.shape).vocabSize(), model.shape);
      return DecoderPresets.of(model.shape, tokenizer.bosId(), tokenizer.eosId(), tokenizer.padId());
    }

    private void checkVocabulary(Tokenizer tokenizer, int vocabulary, String name) {
      if (tokenizer.vocabSize() > vocabulary) {
        throw new ConfigException("--tokenizer " + (tokenizerDir == null ? "(the bundled one)" : tokenizerDir) + ": has "
            + tokenizer.vocabSize() + " tokens, " + name + " has " + vocabulary);
      }
    }

    private void copyTokenizer(Path out) throws IOException {
      if (tokenizerDir == null) {
        Tokenizer.copyShipped(out);
      } else {
        CompanionFiles.copyTokenizer(tokenizerDir, out);
      }
    }
  }

  private static void show(CheckpointInfo info, Path model, PrintWriter out) throws IOException {
    out.println(model + ": " + info.model());
    out.printf(Locale.ROOT, "%,d parameters (%s), %s%n", info.parameters(), String.join(", ", info.dtypes().keySet()), ByteSize.show(info.tensorBytes()));
    for (Map.Entry<String, Long> file : info.files().entrySet()) {
      out.println("  " + file.getKey() + "  " + ByteSize.show(file.getValue()));
    }
    if (!Files.isRegularFile(model.resolve("tokenizer.json"))) {
      out.println("no tokenizer.json");
    }
    if (info.memory() != null) {
      out.println("memory without activations: to suggest " + ByteSize.show(info.memory().inference()) + " and "
          + ByteSize.show(info.memory().cacheOfAToken()) + " a token; SFT " + ByteSize.show(info.memory().sft()) + "; TPPO "
          + ByteSize.show(info.memory().tppo()) + " and the reward model; either with LoRA little more than to suggest");
    }
    out.flush();
  }
}
