// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.judge.GeneratedResponse;
import io.github.tppo.judge.Judge;
import io.github.tppo.judge.JudgeUsage;
import io.github.tppo.judge.Judges;
import io.github.tppo.judge.LabelStats;
import io.github.tppo.judge.Labeller;
import io.github.tppo.judge.Template;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The judge's labels of the samples with one template: {@code labels/token.jsonl} or {@code labels/sentence.jsonl}. */
final class LabelStage implements Stage<TppoConfig> {
  /** The judge, but not how fast and how patiently it is asked. */
  static final List<String> JUDGE_KEYS = List.of("judge.kind", "judge.sentence_threshold", "judge.stop_words", "judge.queries",
      "judge.attempts", "judge.chat.base_url", "judge.chat.model", "judge.chat.temperature", "judge.chat.max_tokens",
      "judge.chat.response_format", "judge.chat.templates");

  private final Template template;

  LabelStage(Template template) {
    this.template = template;
  }

  @Override
  public String name() {
    return template == Template.TOKEN ? command() : command() + "-" + template.key();
  }

  @Override
  public String command() {
    return "label";
  }

  /** The sentence template's labels stand beside the token template's and go with them. */
  @Override
  public List<String> needs() {
    return template == Template.TOKEN ? List.of("prepare", "sft", "generate") : List.of("prepare", "sft", "generate", "label");
  }

  @Override
  public List<String> configKeys() {
    return JUDGE_KEYS;
  }

  /** Not the judge's replies, which cost more than they take room. */
  @Override
  public List<String> outputs() {
    return List.of(template == Template.TOKEN ? "labels" : "labels/" + template.key() + ".jsonl");
  }

  @Override
  public void check(TppoConfig config) throws IOException {
    Judges.check(config.judge());
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    Map<String, List<Example>> examples = new HashMap<>();
    for (String split : List.of("train", "valid")) {
      examples.put(split, PolicyModels.examples(context.folder(), split, 0));
    }
    List<SampledResponse> responses = SampledResponse.read(GenerateStage.file(context.folder().generate()));
    try (Tokenizer tokenizer = Tokenizer.load(context.folder().model("sft"));
        Judge judge = Judges.of(context.config().judge(), context.folder().replies())) {
      LabelStats stats = new Labeller(judge, tokenizer, context.config().judge()).label(
          responses.stream().map(r -> new GeneratedResponse(examples.get(r.split()).get(r.index()), r.stream(), r.promptIds(),
              r.responseIds())).iterator(),
          template, context.folder().labels(), responses.size(), context.progress("labelling"), context::checkStop);
      String words = "";
      if (template == Template.TOKEN) {
        context.figure("words_relevant_percent", stats.wordsRelevantPercent());
        words = String.format(Locale.ROOT, "%.1f %% of words and ", stats.wordsRelevantPercent());
      }
      context.message(String.format(Locale.ROOT, "labelled %d responses, %s template: %s%.1f %% of responses relevant; set aside %s%s",
          stats.labelled(), template.key(), words, stats.sentencesRelevantPercent(), stats.rejected(), cost(stats.usage())));
    }
  }

  private static String cost(JudgeUsage usage) {
    return usage.requests() == 0 ? "" : String.format(Locale.ROOT, "; %d requests, %d prompt and %d completion tokens",
        usage.requests(), usage.promptTokens(), usage.completionTokens());
  }
}
