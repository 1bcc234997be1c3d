// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.report.ReportWriter;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.util.List;

/** The page that shows a run: {@code report.html}. */
final class ReportStage implements Stage<TppoConfig> {
  @Override
  public String name() {
    return "report";
  }

  @Override
  public List<String> needs() {
    return List.of("prepare", "sft", "generate", "label", "train-reward", "train-policy", "evaluate");
  }

  @Override
  public List<String> configKeys() {
    return List.of("evaluation.report_examples");
  }

  @Override
  public List<String> outputs() {
    return List.of("report.html");
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    context.message("report: " + ReportWriter.write(context.folder()));
  }
}
