// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.report.ReportWriter;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;

/** The page that shows a run: {@code report.html}. */
final class ReportStage implements Stage<TppoConfig> {
  private final List<String> needs;

  /** @param evaluated the stages whose files the evaluation reads */
  ReportStage(List<String> evaluated) {
    needs = Stream.concat(evaluated.stream(), Stream.of("evaluate")).toList();
  }

  @Override
  public String name() {
    return "report";
  }

  @Override
  public List<String> needs() {
    return needs;
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
