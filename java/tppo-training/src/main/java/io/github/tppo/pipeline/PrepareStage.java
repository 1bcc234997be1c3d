// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.DataStats;
import io.github.tppo.data.Prepare;
import io.github.tppo.data.Split;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.util.List;

/** Log to examples: {@code data/}. */
final class PrepareStage implements Stage<TppoConfig> {
  @Override
  public String name() {
    return "prepare";
  }

  @Override
  public List<String> needs() {
    return List.of();
  }

  @Override
  public List<String> configKeys() {
    return List.of("data");
  }

  @Override
  public List<String> outputs() {
    return List.of("data");
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    ProgressListener progress = context.progress("reading the log");
    DataStats stats = Prepare.run(context.config().data(), context.folder().data(), (done, total, note) -> {
      context.checkStop();
      progress.update(done, total, note);
    });
    stats.warnings().forEach(context::message);
    context.message("examples: " + stats.examples(Split.TRAIN) + " for training, " + stats.examples(Split.VALID)
        + " for validation, " + stats.examples(Split.EVAL) + " held out");
  }
}
