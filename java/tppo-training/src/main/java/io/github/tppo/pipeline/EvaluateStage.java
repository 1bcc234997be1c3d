// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.Example;
import io.github.tppo.eval.AnswerSummary;
import io.github.tppo.eval.CopyLastQueries;
import io.github.tppo.eval.ModelPair;
import io.github.tppo.eval.PairVerdict;
import io.github.tppo.eval.PairwiseJudge;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.judge.Judgement;
import io.github.tppo.judge.LexicalJudge;
import io.github.tppo.judge.Template;
import io.github.tppo.model.Decoder;
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
import java.util.Arrays;
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

  /**
   * @param compared the policies that are compared with each other, TPPO the first
   * @param ablations the policies that are compared along one setting
   */
  EvaluateStage(List<Arm> compared, List<Ablation> ablations) {
    this.compared = List.copyOf(compared);
    this.ablations = List.copyOf(ablations);
  }

  @Override
  public String name() {
    return "evaluate";
  }

  @Override
  public List<String> needs() {
    List<String> needs = new ArrayList<>(List.of("prepare", "sft", "generate", "label", "train-reward"));
    arms().forEach(arm -> needs.add(arm.policyStage()));
    return needs;
  }

  @Override
  public List<String> configKeys() {
    return List.of("seed", "sampling", "judge", "evaluation.examples", "evaluation.samples_per_example",
        "evaluation.bootstrap_resamples");
  }

  @Override
  public List<String> outputs() {
    return List.of("evaluate", "results.json");
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    long start = System.nanoTime();
    Compute.prepare(context);
    TppoConfig config = context.config();
    List<Example> examples = PolicyModels.examples(context.folder(), "eval", config.evaluation().examples());
    if (examples.isEmpty()) {
      throw new IllegalStateException("evaluate: no held-out user; raise data.eval_fraction or use a longer log");
    }
    Map<String, AnswerSummary> answers = new LinkedHashMap<>();
    answers.put(ModelPair.COPY, write(context, ModelPair.COPY, copies(config, examples)));
    try (Tokenizer tokenizer = Tokenizer.load(context.folder().model("sft"));
        RewardModels.Start reward = RewardModels.load(context.folder().model(Arm.TPPO.rewardFolder()), Method.TPPO.rewardLabels)) {
      TokenRewardModel rewarder = new TokenRewardModel(reward.model(), reward.encoder(), tokenizer, config.policy(),
          config.data().targets(), 0);
      Map<String, String> folders = new LinkedHashMap<>();
      folders.put("sft", "sft");
      arms().forEach(arm -> folders.put(arm.name(), arm.folder()));
      for (Map.Entry<String, String> each : folders.entrySet()) {
        context.checkStop();
        context.progress("answers of " + each.getKey()).update(answers.size() - 1, folders.size(), "");
        try (Decoder policy = Decoder.open(context.folder().model(each.getValue()))) {
          answers.put(each.getKey(), write(context, each.getKey(), answers(config, examples, policy, tokenizer, rewarder)));
        }
      }
    }
    Map<ModelPair, List<PairVerdict>> verdicts = verdicts(context, repeated(config, examples), answers);
    Map<String, Object> results = new RunResults(context, start, compared, ablations).of(answers, verdicts);
    AtomicFiles.write(context.folder().resultsFile(),
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(results));
    context.message("relevance rate on " + examples.size() + " held-out users: " + answers.entrySet().stream()
        .map(e -> String.format(Locale.ROOT, "%s %.2f", e.getKey(), rate(e.getValue()))).collect(Collectors.joining(", ")));
  }

  /** Writes a model's answers; nothing but the summary stays in memory. */
  private static AnswerSummary write(RunContext<TppoConfig> context, String model, List<ScoredAnswer> answers) throws IOException {
    ScoredAnswer.write(context.folder().evaluate().resolve(model + ".jsonl"), answers);
    return AnswerSummary.of(answers);
  }

  /** Each sample of a model against the same-numbered sample of every other. */
  private Map<ModelPair, List<PairVerdict>> verdicts(RunContext<TppoConfig> context, List<Example> repeated,
      Map<String, AnswerSummary> answers) throws IOException {
    PairwiseJudge judge = PairwiseJudge.byScores(new LexicalJudge(context.config().judge()));
    List<String> models = Stream.concat(Stream.of("sft"), compared.stream().map(Arm::name)).toList();
    List<ModelPair> pairs = ModelPair.of(models);
    Map<ModelPair, List<PairVerdict>> verdicts = new LinkedHashMap<>();
    ProgressListener progress = context.progress("comparing answers pair by pair");
    for (ModelPair pair : pairs) {
      context.checkStop();
      List<PairVerdict> list = PairVerdict.ask(judge, repeated, answers.get(pair.first()).texts(), answers.get(pair.second()).texts());
      PairVerdict.write(PairVerdict.file(context.folder().evaluate(), pair.versus()), list);
      verdicts.put(pair, list);
      progress.update(verdicts.size(), pairs.size(), pair.versus());
    }
    return verdicts;
  }

  /** Every trained policy, each once. */
  private List<Arm> arms() {
    return Stream.concat(compared.stream(), Ablation.arms(ablations).stream()).toList();
  }

  private static double rate(AnswerSummary answers) {
    return Arrays.stream(answers.relevance().token().values()).average().orElse(Double.NaN);
  }

  private static List<Example> repeated(TppoConfig config, List<Example> examples) {
    int samples = config.evaluation().samplesPerExample();
    return examples.stream().flatMap(e -> Collections.nCopies(samples, e).stream()).toList();
  }

  /** Every model answers with the same random streams, so that two models differ only where their distributions do. */
  private static List<ScoredAnswer> answers(TppoConfig config, List<Example> examples, Decoder policy, Tokenizer tokenizer,
      TokenRewardModel rewarder) {
    List<Example> repeated = repeated(config, examples);
    long[] streams = new long[repeated.size()];
    for (int i = 0; i < streams.length; i++) {
      streams[i] = i;
    }
    List<Answers.Answer> sampled = new Answers(policy, tokenizer, config).sample(repeated, streams, Answers.EVALUATE);
    List<TokenRewardModel.Scored> scored = rewarder.score(sampled.stream()
        .map(a -> new TokenRewarder.Response(tokenizer.decode(a.promptIds(), true), a.ids())).toList());
    LexicalJudge judge = new LexicalJudge(config.judge());
    List<ScoredAnswer> answers = new ArrayList<>();
    for (int i = 0; i < repeated.size(); i++) {
      List<ScoredAnswer.Token> tokens = new ArrayList<>();
      TokenRewardModel.Scored s = scored.get(i);
      for (int t = 0; t < s.classes().length; t++) {
        tokens.add(new ScoredAnswer.Token(s.spans().starts()[t], s.spans().ends()[t], s.classes()[t], s.rewards()[t]));
      }
      answers.add(judged(judge, config, repeated.get(i), s.spans().text(), tokens, sampled.get(i).finished()));
    }
    return answers;
  }

  private static List<ScoredAnswer> copies(TppoConfig config, List<Example> examples) {
    LexicalJudge judge = new LexicalJudge(config.judge());
    List<ScoredAnswer> answers = new ArrayList<>();
    for (Example example : examples) {
      String text = config.text().prompt().response(CopyLastQueries.queries(example.history(), config.data().targets()));
      answers.add(judged(judge, config, example, text, List.of(), true));
    }
    return answers;
  }

  private static ScoredAnswer judged(LexicalJudge judge, TppoConfig config, Example example, String text,
      List<ScoredAnswer.Token> tokens, boolean finished) {
    Judgement words = judge.judge(Template.TOKEN, example, text);
    Judgement whole = judge.judge(Template.SENTENCE, example, text);
    List<String> queries = ResponseText.queries(text);
    return new ScoredAnswer(example.user(), example.history(), example.targets(), text, queries, tokens, words.words(),
        words.sentence(), words.relevance(Template.TOKEN), whole.relevance(Template.SENTENCE),
        queries.size() == config.data().targets(), finished, tokens.size());
  }
}
