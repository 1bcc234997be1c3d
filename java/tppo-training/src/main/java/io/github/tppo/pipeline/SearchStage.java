// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.report.ReportWriter;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The best settings of each method, and a page that shows the search. */
final class SearchStage implements Stage<TppoConfig> {
  private final List<JudgeTrialStage> trials;

  SearchStage(List<JudgeTrialStage> trials) {
    this.trials = List.copyOf(trials);
  }

  @Override
  public String name() {
    return "search";
  }

  @Override
  public List<String> needs() {
    return trials.stream().map(JudgeTrialStage::name).toList();
  }

  @Override
  public List<String> configKeys() {
    return List.of("search");
  }

  @Override
  public List<String> outputs() {
    return List.of("report.html");
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    Map<String, SearchTrial> best = new LinkedHashMap<>();
    for (String line : Files.readAllLines(JudgeTrialStage.record(context))) {
      SearchTrial trial = new ObjectMapper().readValue(line, SearchTrial.class);
      best.merge(trial.method(), trial, (x, y) -> y.score() > x.score() || Double.isNaN(x.score()) ? y : x); // of equals the earlier
    }
    best.forEach((method, trial) -> context.message(String.format(Locale.ROOT,
        "best of %s: trial %d, %.2f %% of words and %.2f %% of responses relevant on validation users; %s", method, trial.trial(),
        trial.tokenTemplate(), trial.sentenceTemplate(),
        trial.overrides().isEmpty() ? "as configured" : String.join(", ", trial.overrides()))));
    context.message("report: " + ReportWriter.write(context.folder()));
  }
}
