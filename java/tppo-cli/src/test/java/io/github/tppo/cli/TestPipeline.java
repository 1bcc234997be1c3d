// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.Doc;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.RunException;
import io.github.tppo.run.Stage;
import io.github.tppo.run.StoppedException;
import java.util.List;

/** A pipeline of two stages that do what its configuration says: work, fail or be stopped. */
final class TestPipeline {
  private TestPipeline() {}

  record Config(@Doc("How many steps to do.") int steps, @Doc("What to do at the end.") End end) {
    Config {
      if (steps < 0) {
        throw new IllegalArgumentException("steps: " + steps + ", expected 0 or more");
      }
    }

    static Config defaults() {
      return new Config(3, End.WORK);
    }
  }

  enum End { WORK, FAIL, BREAK, STOP }

  record Step(String name, List<String> needs) implements Stage<Config> {
    @Override
    public List<String> configKeys() {
      return List.of("steps");
    }

    @Override
    public List<String> outputs() {
      return List.of();
    }

    @Override
    public void run(RunContext<Config> context) throws Exception {
      ProgressListener progress = context.progress(name);
      for (int i = 1; i <= context.config().steps(); i++) {
        progress.update(i, context.config().steps(), "");
      }
      if (name.equals("report")) {
        switch (context.config().end()) {
          case FAIL -> throw new RunException("the disk is full");
          case BREAK -> throw new NullPointerException("oops");
          case STOP -> throw new StoppedException(name);
          default -> AtomicFiles.write(context.folder().resultsFile(), """
              {"relevance_rate": {"token_template": {"sft": {"mean": 20.5, "ci95": [19.0, 22.0]}}}}
              """);
        }
        AtomicFiles.write(context.folder().reportFile(), "<!doctype html>");
      }
    }
  }

  static Pipeline<Config> create() {
    return Pipeline.of(Config.class, List.of(new Step("prepare", List.of()), new Step("report", List.of("prepare"))));
  }
}
