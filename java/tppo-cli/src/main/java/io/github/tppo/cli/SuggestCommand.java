// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.ConfigException;
import io.github.tppo.suggest.Ask;
import io.github.tppo.suggest.HistoryReader;
import io.github.tppo.suggest.InputException;
import io.github.tppo.suggest.SuggestOptions;
import io.github.tppo.suggest.Suggester;
import io.github.tppo.suggest.Suggestion;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tppo suggest}: queries for histories. */
@Command(name = "suggest", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = {"Writes a user's next queries with a trained policy.",
        "In: JSON, one history or as many as you like, one after another or one a line, such as {\"search\": [\"pasta recipe\","
            + " \"pasta sauce\"]}, oldest first; examples of train.jsonl will do.",
        "Out: for each history one line {\"queries\": [...], \"text\": ..., \"logprob\": ..., \"details\": [...]}; details has each"
            + " query's log-probability and, with a reward model, the relevance of its words. docs/serving.md says more."},
    footer = {"", "Example: echo '{\"search\": [\"pasta recipe\"]}' | tppo suggest --model runs/quickstart/tppo"})
final class SuggestCommand implements Callable<Integer> {
  /** Histories that are in memory at a time. */
  private static final int CHUNK = 256;

  @Mixin
  private PolicyOptions policy;

  @Option(names = "--history", paramLabel = "FILE", description = "The histories (default: standard input).")
  private Path file;

  @Option(names = "--seed", defaultValue = "1", description = "Seed of the sampling (default: ${DEFAULT-VALUE}); the same history gets"
      + " the same queries, whatever stands beside it.")
  private long seed;

  @Option(names = "--skip-bad", description = "Read one history a line, and answer a line that is not right with {\"error\": ...} in its"
      + " place rather than stop.")
  private boolean skipBad;

  @Option(names = "--json", description = "Accepted for symmetry: the output is JSON with or without it.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    policy.prepare();
    try (Suggester suggester = policy.load(); HistoryReader histories = histories()) {
      SuggestOptions options = policy.sampling(suggester);
      PrintWriter out = spec.commandLine().getOut();
      long read = 0;
      long bad = 0;
      Chunk chunk;
      do {
        chunk = Chunk.read(histories, seed, skipBad);
        chunk.print(suggester.suggest(chunk.asks, options), out);
        if (out.checkError()) {
          throw new IOException("cannot write to standard output");
        }
        read += chunk.errors.size();
        bad += chunk.errors.size() - chunk.asks.size();
      } while (chunk.stop == null && !chunk.end);
      if (chunk.stop != null) {
        throw chunk.stop;
      }
      if (read == 0) {
        throw new InputException("", source()
            + ": empty, expected a JSON object such as {\"search\": [\"first query\", \"second query\"]}");
      }
      if (bad > 0) {
        spec.commandLine().getErr().println("tppo suggest: " + bad + " of " + read + " histories were not right");
      }
    }
    return 0;
  }

  private String source() {
    return file == null ? "standard input" : file.toString();
  }

  private HistoryReader histories() throws IOException {
    if (file != null && (!Files.exists(file) || Files.isDirectory(file))) {
      throw new ConfigException("--history " + file + ": " + (Files.exists(file) ? "a folder, expected a file" : "no such file"));
    }
    InputStream in = new BufferedInputStream(file == null ? System.in : Files.newInputStream(file));
    return skipBad ? HistoryReader.lines(in, source()) : HistoryReader.values(in, source());
  }

  /** Some histories in a row: what to ask, and what to say in the place of those that are not right. */
  private static final class Chunk {
    final List<Ask> asks = new ArrayList<>();
    /** For each history its fault, null if it has none. */
    final List<String> errors = new ArrayList<>();
    boolean end;
    InputException stop;

    static Chunk read(HistoryReader histories, long seed, boolean skipBad) throws IOException {
      Chunk chunk = new Chunk();
      while (chunk.errors.size() < CHUNK && !chunk.end && chunk.stop == null) {
        try {
          var history = histories.next();
          if (history == null) {
            chunk.end = true;
          } else {
            chunk.asks.add(new Ask(history, seed));
            chunk.errors.add(null);
          }
        } catch (InputException e) {
          if (skipBad) {
            chunk.errors.add(e.getMessage());
          } else {
            chunk.stop = e;
          }
        }
      }
      return chunk;
    }

    void print(List<Suggestion> suggestions, PrintWriter out) throws IOException {
      Iterator<Suggestion> next = suggestions.iterator();
      for (String error : errors) {
        out.println(Json.MAPPER.writeValueAsString(error == null ? next.next() : Map.of("error", error)));
      }
    }
  }
}
