// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.eval.Bootstrap;
import io.github.tppo.eval.Comparison;
import io.github.tppo.eval.FormMetrics;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.run.MetricsWriter;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** Puts {@code results.json} together. */
final class RunResults {
  private final RunContext<TppoConfig> context;
  private final long startNanos;
  private final List<Ablation> ablations;

  /** @param startNanos when the evaluation began */
  RunResults(RunContext<TppoConfig> context, long startNanos, List<Ablation> ablations) {
    this.context = context;
    this.startNanos = startNanos;
    this.ablations = ablations;
  }

  /** All figures of a run; the keys are those that scripts rely on. */
  Map<String, Object> of(Map<String, List<ScoredAnswer>> all) throws IOException {
    Map<String, List<ScoredAnswer>> answers = new LinkedHashMap<>(all);
    Ablation.arms(ablations).forEach(arm -> answers.remove(arm.name()));
    TppoConfig config = context.config();
    Map<String, Object> results = new LinkedHashMap<>();
    results.put("seeds", List.of(config.seed()));
    results.put("held_out_users", answers.get("sft").stream().map(ScoredAnswer::user).distinct().count());
    Map<String, Object> relevance = new LinkedHashMap<>();
    relevance.put("sentence_template", rates(answers, ScoredAnswer::sentenceRelevance));
    relevance.put("token_template", rates(answers, ScoredAnswer::tokenRelevance));
    results.put("relevance_rate", relevance);
    results.put("difference", Map.of("tppo_minus_sft", Map.of(
        "token_template", interval(gain(answers.get("tppo"), answers.get("sft"), config)),
        "sentence_template", interval(gain(answers.get("tppo"), answers.get("sft"), config, ScoredAnswer::sentenceRelevance)))));
    results.put("pairwise", Map.of("tppo_vs_sft", Comparison.byScore(
        perUser(answers.get("tppo"), ScoredAnswer::tokenRelevance), perUser(answers.get("sft"), ScoredAnswer::tokenRelevance))));
    Map<String, Object> form = new LinkedHashMap<>();
    answers.forEach((name, list) -> form.put(name, FormMetrics.of(list)));
    results.put("form", form);
    results.put("suggested_length", GenerateStage.suggestedLength(context.folder().generate()));
    results.put("reward_model", Map.of("token", rewardModel()));
    results.put("training", Map.of("tppo", scores(context.folder().model("tppo"))));
    results.put("ablation", ablation(all));
    Map<String, Double> seconds = new LinkedHashMap<>(context.folder().state().seconds());
    seconds.put("evaluate", (System.nanoTime() - startNanos) * 1e-9); // not finished, so not yet in the state
    results.put("timing_s", seconds);
    Map<String, Object> speed = new LinkedHashMap<>();
    speed.put("generate", context.folder().state().figures("tokens_per_s").get("generate"));
    speed.put("train_policy", context.folder().state().figures("tokens_per_s").get("train-policy"));
    results.put("tokens_per_s", speed);
    return results;
  }

  /** Paired gain in relevance rate with the token template, in points. */
  static Bootstrap.Interval gain(List<ScoredAnswer> first, List<ScoredAnswer> second, TppoConfig config) {
    return gain(first, second, config, ScoredAnswer::tokenRelevance);
  }

  private static Bootstrap.Interval gain(List<ScoredAnswer> first, List<ScoredAnswer> second, TppoConfig config,
      ToDoubleFunction<ScoredAnswer> score) {
    return Bootstrap.pairedDifference(perUser(first, score), perUser(second, score),
        config.evaluation().bootstrapResamples(), config.seed());
  }

  private Map<String, Object> rates(Map<String, List<ScoredAnswer>> answers, ToDoubleFunction<ScoredAnswer> score) {
    Map<String, Object> rates = new LinkedHashMap<>();
    answers.forEach((name, list) -> {
      Bootstrap.Interval interval = rate(list, score);
      Map<String, Object> entry = interval(interval);
      entry.put("per_seed", List.of(interval.mean()));
      rates.put(name, entry);
    });
    return rates;
  }

  private Map<String, Object> ablation(Map<String, List<ScoredAnswer>> answers) {
    Map<String, Map<String, Object>> settings = new LinkedHashMap<>();
    for (Ablation ablation : ablations) {
      List<ScoredAnswer> list = answers.get(ablation.arm().name());
      FormMetrics form = FormMetrics.of(list);
      Map<String, Object> value = new LinkedHashMap<>();
      value.put("token_template", interval(rate(list, ScoredAnswer::tokenRelevance)));
      value.put("sentence_template", interval(rate(list, ScoredAnswer::sentenceRelevance)));
      value.put("mean_tokens", form.meanTokens());
      value.put("right_count", form.rightCount());
      settings.computeIfAbsent(ablation.setting(), s -> new LinkedHashMap<>()).put(ablation.value(), value);
    }
    return new LinkedHashMap<>(settings);
  }

  private Bootstrap.Interval rate(List<ScoredAnswer> answers, ToDoubleFunction<ScoredAnswer> score) {
    return Bootstrap.mean(perUser(answers, score), context.config().evaluation().bootstrapResamples(), context.config().seed());
  }

  /** Mean score of each user in percent: a user's samples are not independent of one another. */
  private static double[] perUser(List<ScoredAnswer> answers, ToDoubleFunction<ScoredAnswer> score) {
    Map<String, List<Double>> users = new LinkedHashMap<>();
    for (ScoredAnswer answer : answers) {
      users.computeIfAbsent(answer.user(), u -> new ArrayList<>()).add(100 * score.applyAsDouble(answer));
    }
    return users.values().stream()
        .mapToDouble(list -> list.stream().mapToDouble(Double::doubleValue).average().orElseThrow()).toArray();
  }

  private static Map<String, Object> interval(Bootstrap.Interval interval) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("mean", interval.mean());
    map.put("ci95", List.of(interval.low(), interval.high()));
    return map;
  }

  private Map<String, Object> rewardModel() {
    Map<String, Object> map = new LinkedHashMap<>();
    for (String name : List.of("auc_weighted", "auc_relevant", "eval_loss")) {
      map.put(name, context.folder().state().figures(name).get("train-reward"));
    }
    return map;
  }

  private static Map<String, Object> scores(Path stage) throws IOException {
    ObjectMapper json = new ObjectMapper();
    List<Double> mean = new ArrayList<>();
    List<Double> std = new ArrayList<>();
    for (String line : Files.readAllLines(stage.resolve(MetricsWriter.FILE))) {
      JsonNode node = json.readTree(line);
      mean.add(node.path("objective/scores").asDouble());
      std.add(node.path("objective/scores_std").asDouble());
    }
    return Map.of("score_mean", mean, "score_std", std);
  }
}
