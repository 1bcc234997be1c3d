// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.Example;
import io.github.tppo.eval.AnswerJudge;
import io.github.tppo.eval.AnswerSummary;
import io.github.tppo.eval.CopyLastQueries;
import io.github.tppo.eval.ModelPair;
import io.github.tppo.eval.PairVerdict;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.judge.Judge;
import io.github.tppo.judge.Judgement;
import io.github.tppo.judge.Judges;
import io.github.tppo.judge.Template;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Workers;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.reward.TokenRewardModel;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Answers of all models to held-out users, judged: {@code evaluate/} and {@code results.json}. */
final class EvaluateStage implements Stage<TppoConfig> {
  private final List<Arm> compared;
  private final List<Ablation> ablations;
  private final List<String> before;

  /**
   * @param compared the policies that are compared with each other, TPPO the first
   * @param ablations the policies that are compared along one setting
   * @param before the stages of the run before this one: the results tell of all of them
   */
  EvaluateStage(List<Arm> compared, List<Ablation> ablations, List<String> before) {
    this.before = List.copyOf(before);
    this.compared = List.copyOf(compared);
    this.ablations = List.copyOf(ablations);
  }

  @Override
  public String name() {
    return "evaluate";
  }

  @Override
  public List<String> needs() {
    return before;
  }

  @Override
  public List<String> configKeys() {
    return Stream.concat(Stream.of("seed", "sampling", "evaluation.examples", "evaluation.samples_per_example",
        "evaluation.bootstrap_resamples", "experiment.ablation"), LabelStage.JUDGE_KEYS.stream()).toList();
  }

  @Override
  public List<String> outputs() {
    return List.of("evaluate", "results.json");
  }

  @Override
  public void check(TppoConfig config) throws IOException {
    Judges.check(config.judge());
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    Compute.prepare(context);
    try (Judge judge = Judges.of(context.config().judge(), context.folder().replies())) {
      evaluate(context, judge);
    }
  }

  private void evaluate(RunContext<TppoConfig> context, Judge judge) throws IOException {
    long start = System.nanoTime();
    TppoConfig config = context.config();
    AnswerJudge asker = new AnswerJudge(judge, config.judge().attempts(), Workers.count());
    List<Example> examples = PolicyModels.examples(context.folder(), "eval", config.evaluation().examples());
    if (examples.isEmpty()) {
      throw new IllegalStateException("evaluate: no held-out user; raise data.eval_fraction or use a longer log");
    }
    Map<String, String> folders = new LinkedHashMap<>();
    folders.put("sft", "sft");
    arms().forEach(arm -> folders.put(arm.name(), arm.folder()));
    Map<String, AnswerSummary> answers = new LinkedHashMap<>();
    answers.put(ModelPair.COPY, judged(context, asker, ModelPair.COPY, copies(config, examples), context.progress("copied queries")));
    try (Tokenizer tokenizer = Tokenizer.load(context.folder().model("sft"));
        RewardModels.Start reward = RewardModels.load(context.folder().model(Arm.TPPO.rewardFolder()), Method.TPPO.rewardLabels)) {
      TokenRewardModel rewarder = new TokenRewardModel(reward.model(), reward.encoder(), tokenizer, config.policy(),
          config.data().targets(), 0);
      for (Map.Entry<String, String> each : folders.entrySet()) {
        context.checkStop();
        long before = answers.size() - 1;
        ProgressListener progress = context.progress("answers of " + each.getKey());
        progress.update(before, folders.size(), "");
        List<Sampled> sampled;
        try (Decoder policy = Decoder.open(context.folder().model(each.getValue()))) {
          sampled = answers(config, examples, policy, tokenizer, rewarder);
        }
        answers.put(each.getKey(), judged(context, asker, each.getKey(), sampled,
            (done, total, note) -> progress.update(before, folders.size(), "judged " + done + " of " + total)));
      }
    }
    Map<ModelPair, List<PairVerdict>> verdicts = verdicts(context, asker, repeated(config, examples), answers);
    ObjectMapper json = new ObjectMapper();
    JsonNode results = json.valueToTree(new RunResults(context, start, compared, ablations, needs()).of(answers, verdicts, judge, asker.asked()));
    AtomicFiles.write(context.folder().resultsFile(), json.writerWithDefaultPrettyPrinter().writeValueAsString(results));
    context.message(summary(results));
  }

  /** Rates, and what is missing in them. */
  private static String summary(JsonNode results) {
    String rates = results.at("/relevance_rate/token_template").properties().stream().map(e -> String.format(Locale.ROOT, "%s %.2f",
        e.getKey(), e.getValue().path("mean").asDouble(Double.NaN))).collect(Collectors.joining(", "));
    String missing = "";
    for (String template : List.of("token_template", "sentence_template")) {
      long failures = 0;
      for (JsonNode model : results.path("unjudged").path(template)) {
        failures += model.asLong();
      }
      if (failures > 0) {
        missing += "; " + template.replace('_', ' ') + ": the judge failed on " + failures + " answers, "
            + results.path("users_left_out").path(template) + " users left out";
      }
    }
    long pairs = 0;
    for (JsonNode pair : results.path("pairwise")) {
      pairs += pair.path("unjudged").asLong();
    }
    return "relevance rate on " + results.path("held_out_users") + " held-out users: " + rates + missing
        + (pairs > 0 ? "; pairs: the judge failed on " + pairs : "");
  }

  /** Has a model's answers judged and writes them; nothing but the summary stays in memory. */
  private static AnswerSummary judged(RunContext<TppoConfig> context, AnswerJudge judge, String model, List<Sampled> answers,
      ProgressListener progress) throws IOException {
    List<AnswerJudge.Judged> judged = judge.judge(answers.stream().map(Sampled::example).toList(),
        answers.stream().map(Sampled::text).toList(), progress, context::checkStop);
    List<ScoredAnswer> scored = new ArrayList<>();
    for (int i = 0; i < answers.size(); i++) {
      scored.add(answers.get(i).scored(judged.get(i), context.config().data().targets()));
    }
    ScoredAnswer.write(context.folder().evaluate().resolve(model + ".jsonl"), scored);
    return AnswerSummary.of(scored);
  }

  /** Each sample of a model against the same-numbered sample of every other. */
  private Map<ModelPair, List<PairVerdict>> verdicts(RunContext<TppoConfig> context, AnswerJudge judge, List<Example> repeated,
      Map<String, AnswerSummary> answers) throws IOException {
    List<String> models = Stream.concat(Stream.of("sft"), compared.stream().map(Arm::name)).toList();
    List<ModelPair> pairs = ModelPair.of(models);
    Map<ModelPair, List<PairVerdict>> verdicts = new LinkedHashMap<>();
    ProgressListener progress = context.progress("comparing answers pair by pair");
    for (ModelPair pair : pairs) {
      long before = verdicts.size();
      List<PairVerdict> list = PairVerdict.ask(judge, judge.threads(), repeated, answers.get(pair.first()).texts(),
          answers.get(pair.second()).texts(),
          (done, total, note) -> progress.update(before * total + done, pairs.size() * total, pair.versus()), context::checkStop);
      PairVerdict.write(PairVerdict.file(context.folder().evaluate(), pair.versus()), list);
      verdicts.put(pair, list);
    }
    return verdicts;
  }

  /** Every trained policy, each once. */
  private List<Arm> arms() {
    return Stream.concat(compared.stream(), Ablation.arms(ablations).stream()).toList();
  }

  private static List<Example> repeated(TppoConfig config, List<Example> examples) {
    int samples = config.evaluation().samplesPerExample();
    return examples.stream().flatMap(e -> Collections.nCopies(samples, e).stream()).toList();
  }

  /** Every model answers with the same random streams, so that two models differ only where their distributions do. */
  private static List<Sampled> answers(TppoConfig config, List<Example> examples, Decoder policy, Tokenizer tokenizer,
      TokenRewardModel rewarder) {
    List<Example> repeated = repeated(config, examples);
    long[] streams = new long[repeated.size()];
    for (int i = 0; i < streams.length; i++) {
      streams[i] = i;
    }
    List<Answers.Answer> sampled = new Answers(policy, tokenizer, config).sample(repeated, streams, Answers.EVALUATE);
    List<TokenRewardModel.Scored> scored = rewarder.score(sampled.stream()
        .map(a -> new TokenRewarder.Response(tokenizer.decode(a.promptIds(), true), a.ids())).toList());
    List<Sampled> answers = new ArrayList<>();
    for (int i = 0; i < repeated.size(); i++) {
      List<ScoredAnswer.Token> tokens = new ArrayList<>();
      TokenRewardModel.Scored s = scored.get(i);
      for (int t = 0; t < s.classes().length; t++) {
        tokens.add(new ScoredAnswer.Token(s.spans().starts()[t], s.spans().ends()[t], s.classes()[t], s.rewards()[t]));
      }
      answers.add(new Sampled(repeated.get(i), s.spans().text(), tokens, sampled.get(i).finished()));
    }
    return answers;
  }

  private static List<Sampled> copies(TppoConfig config, List<Example> examples) {
    List<Sampled> answers = new ArrayList<>();
    for (Example example : examples) {
      String text = config.text().prompt().response(CopyLastQueries.queries(example.history(), config.data().targets()));
      answers.add(new Sampled(example, text, List.of(), true));
    }
    return answers;
  }

  /** An answer as a model gave it. */
  private record Sampled(Example example, String text, List<ScoredAnswer.Token> tokens, boolean finished) {
    ScoredAnswer scored(AnswerJudge.Judged judged, int wanted) {
      Judgement words = judged.judgements().get(Template.TOKEN);
      List<String> queries = ResponseText.queries(text);
      return new ScoredAnswer(example.user(), example.history(), example.targets(), text, queries, tokens,
          words == null ? List.of() : words.words(), words == null ? null : words.sentence(), judged.relevance(Template.TOKEN),
          judged.relevance(Template.SENTENCE), judged.failures(), queries.size() == wanted, finished, tokens.size());
    }
  }
}
