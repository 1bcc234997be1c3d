// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The record of a search and the best settings of each method: {@code search/record.jsonl}. */
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
    return List.of("search/record.jsonl");
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    StringBuilder record = new StringBuilder();
    Map<String, SearchTrial> best = new LinkedHashMap<>();
    for (JudgeTrialStage stage : trials) {
      String line = Files.readString(stage.file(context));
      record.append(line);
      SearchTrial trial = new ObjectMapper().readValue(line, SearchTrial.class);
      best.merge(trial.method(), trial, (a, b) -> b.score() > a.score() || Double.isNaN(a.score()) ? b : a); // of equals the earlier
    }
    AtomicFiles.write(context.folder().path("search/record.jsonl"), record.toString());
    best.forEach((method, trial) -> context.message(String.format(Locale.ROOT,
        "best of %s: trial %d, %.2f %% of words and %.2f %% of responses relevant on validation users; %s", method, trial.trial(),
        trial.tokenTemplate(), trial.sentenceTemplate(),
        trial.overrides().isEmpty() ? "as configured" : String.join(", ", trial.overrides()))));
  }
}
