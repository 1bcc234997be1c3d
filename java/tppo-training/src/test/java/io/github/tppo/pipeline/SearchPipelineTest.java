// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SearchPipelineTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir
  Path dir;

  private static List<SearchTrial> record(Path out) throws IOException {
    List<SearchTrial> trials = new ArrayList<>();
    for (String line : Files.readAllLines(out.resolve("search/record.jsonl"))) {
      trials.add(JSON.readValue(line, SearchTrial.class));
    }
    return trials;
  }

  @Test
  void everyMethodGetsTheSameNumberOfTrialsAndTheRecordHoldsThemAll() throws Exception {
    PipelineRuns.writeLog(dir.resolve("log.tsv"));
    TppoConfig config = PipelineRuns.config(dir, "sft.max_steps=5", "policy.steps=2", "experiment.arms={whole: [policy.per_word=false]}",
        "search.trials=2", "search.space={tppo: ['policy.kl_coef=0.15|0.4'], whole: ['reward.local_weight=0.1|0.9', policy.alpha=1|2]}");
    Path out = dir.resolve("out");
    List<String> messages = PipelineRuns.run(SearchPipeline.create(), config, out, null, 0);
    List<SearchTrial> trials = record(out);
    assertEquals(List.of("tppo 0", "whole 0", "tppo 1", "whole 1"), trials.stream().map(t -> t.method() + " " + t.trial()).toList());
    assertEquals(List.of(), trials.get(0).overrides());
    assertEquals(List.of("policy.kl_coef=0.4"), trials.get(2).overrides(), "0.15 is what is configured");
    assertEquals(2, trials.get(3).overrides().size());
    for (SearchTrial trial : trials) {
      assertEquals((trial.tokenTemplate() + trial.sentenceTemplate()) / 2, trial.score());
      assertTrue(trial.kl() > -10 && trial.meanTokens() > 0 && trial.seconds() > 0, trial.toString());
      assertTrue(Files.exists(out.resolve("search/" + trial.method() + "-" + trial.trial() + "/tppo/model.safetensors")));
    }
    assertTrue(Files.exists(out.resolve("search/whole-1/reward-token/model.safetensors")), "another loss needs another reward model");
    assertFalse(Files.exists(out.resolve("search/whole-0/reward-token")), "no loss was changed");
    assertTrue(Files.readString(out.resolve("report.html")).contains("</html>"));
    assertFalse(Files.exists(out.resolve("evaluate")), "the users of the evaluation are not looked at");
    assertEquals(2, messages.stream().filter(m -> m.startsWith("best of ")).count());
  }

  @Test
  void trialsAreDifferentCombinationsInASeededOrder() {
    SearchSpace space = new SearchSpace(List.of("policy.alpha=1|2|3", "policy.kl_coef=0.1|0.2"), "search.space.tppo");
    List<List<String>> trials = space.trials(7, 1, Function.identity());
    assertEquals(List.of(), trials.get(0));
    assertEquals(7, new HashSet<>(trials).size());
    assertTrue(trials.subList(1, 7).stream().allMatch(t -> t.get(0).startsWith("policy.alpha=") && t.get(1).startsWith("policy.kl_coef=")));
    assertEquals(trials, space.trials(7, 1, Function.identity()));
    assertEquals(trials.subList(0, 4), space.trials(4, 1, Function.identity()));
  }

  @Test
  void searchesThatWouldNotBeFairOrNotRunAreRefused() {
    SearchSpace space = new SearchSpace(List.of("policy.alpha=1|2"), "search.space.tppo");
    assertTrue(assertThrows(ConfigException.class, () -> space.trials(4, 1, Function.identity())).getMessage().contains("search.space.tppo: 2 combinations"));
    assertTrue(assertThrows(ConfigException.class, () -> new SearchSpace(List.of("policy.alpha"), "search.space.tppo"))
        .getMessage().contains("expected key=value|value"));
    for (String[] bad : new String[][] {{"", "search.space: empty"}, {"search.space={typo: [policy.alpha=1|2]}", "search.space.typo"},
        {"search.space={tppo: [policy.alpa=1|2]}", "policy.alpa"}, {"search.space={tppo: [sft.epochs=1|2]}", "sft.epochs"}}) {
      TppoConfig config = PipelineRuns.config(dir, bad[0].isEmpty() ? new String[0] : new String[] {"search.trials=2", bad[0]});
      ConfigException e = assertThrows(ConfigException.class,
          () -> SearchPipeline.create().stages(config).forEach(stage -> stage.config(config)), bad[1]);
      assertTrue(e.getMessage().contains(bad[1]), e.getMessage());
    }
  }
}
