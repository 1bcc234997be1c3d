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
import java.util.Locale;

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
    long start = System.nanoTime();
    TppoConfig config = context.config();
    DataStats stats = Prepare.run(config.data(), context.folder().data(), config.threads(), (done, total, note) -> {
      context.checkStop();
      progress.update(done, total, note);
    });
    double rowsPerSecond = stats.rowsRead() / ((System.nanoTime() - start) * 1e-9);
    context.figure("rows_per_s", rowsPerSecond);
    stats.warnings().forEach(context::message);
    context.message(String.format(Locale.ROOT, "%,d rows, %,.0f rows/s", stats.rowsRead(), rowsPerSecond));
    context.message("examples: " + stats.examples(Split.TRAIN) + " for training, " + stats.examples(Split.VALID)
        + " for validation, " + stats.examples(Split.EVAL) + " held out");
  }
}
