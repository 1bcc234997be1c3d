// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.eval.AnswerSummary;
import io.github.tppo.eval.Comparison;
import io.github.tppo.eval.ModelPair;
import io.github.tppo.eval.PairVerdict;
import io.github.tppo.eval.Relevance;
import io.github.tppo.eval.UserScores;
import io.github.tppo.judge.Judge;
import io.github.tppo.judge.JudgeUsage;
import io.github.tppo.judge.Template;
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
import java.util.TreeMap;

/** Puts {@code results.json} of one run together. */
final class RunResults {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final RunContext<TppoConfig> context;
  private final long startNanos;
  private final List<Arm> compared;
  private final List<Ablation> ablations;
  private final List<String> stages;
  private final Estimates estimates;

  /**
   * @param startNanos when the evaluation began
   * @param compared the arms that are compared with each other
   * @param stages the stages of the run before its evaluation
   */
  RunResults(RunContext<TppoConfig> context, long startNanos, List<Arm> compared, List<Ablation> ablations, List<String> stages) {
    this.context = context;
    this.startNanos = startNanos;
    this.compared = compared;
    this.ablations = ablations;
    this.stages = stages;
    this.estimates = new Estimates(context.config());
  }

  /**
   * All figures of a run; the keys are those that scripts rely on.
   *
   * @param judge who judged the answers and pairs
   * @param asked how often
   */
  Map<String, Object> of(Map<String, AnswerSummary> all, Map<ModelPair, List<PairVerdict>> verdicts, Judge judge, long asked)
      throws IOException {
    Map<String, AnswerSummary> answers = new LinkedHashMap<>(all);
    Ablation.arms(ablations).forEach(arm -> answers.remove(arm.name()));
    Map<String, List<Relevance>> judged = new LinkedHashMap<>();
    Map<String, Object> form = new LinkedHashMap<>();
    answers.forEach((name, summary) -> {
      judged.put(name, List.of(summary.relevance()));
      form.put(name, summary.form());
    });
    Map<String, List<Relevance>> relevance = Estimates.onSameUsers(judged);
    Map<String, Object> results = new LinkedHashMap<>();
    results.put("seeds", List.of(context.config().seed()));
    results.put("held_out_users", answers.get("sft").relevance().token().users().size());
    results.put("users_left_out", Estimates.usersLeftOut(judged.get("sft").get(0), relevance.get("sft").get(0)));
    results.put("unjudged", unjudged(answers));
    results.put("relevance_rate", estimates.relevance(relevance));
    results.put("difference", estimates.differences(relevance));
    results.put("pairwise", pairwise(verdicts));
    results.put("form", form);
    results.put("suggested_length", GenerateStage.suggestedLength(context.folder().generate()));
    results.put("reward_model", rewardModels());
    results.put("training", training());
    results.put("ablation", ablation(all));
    results.put("judge", judge(judge, asked));
    Map<String, Double> seconds = new LinkedHashMap<>(context.folder().state().seconds());
    seconds.keySet().retainAll(stages); // the folder may remember stages of an earlier configuration
    seconds.put("evaluate", (System.nanoTime() - startNanos) * 1e-9); // not finished, so not yet in the state
    results.put("timing_s", seconds);
    Map<String, Object> speed = new LinkedHashMap<>();
    speed.put("generate", context.folder().state().figures("tokens_per_s").get("generate"));
    speed.put("train_policy", context.folder().state().figures("tokens_per_s").get("train-policy"));
    results.put("tokens_per_s", speed);
    return results;
  }

  /** Answers that the judge failed on. */
  private static Map<String, Object> unjudged(Map<String, AnswerSummary> answers) {
    Map<String, Object> unjudged = new LinkedHashMap<>();
    for (Template template : List.of(Template.SENTENCE, Template.TOKEN)) {
      Map<String, Long> each = new LinkedHashMap<>();
      answers.forEach((name, summary) -> each.put(name, summary.unjudged().get(template)));
      unjudged.put(Estimates.key(template), each);
    }
    return unjudged;
  }

  /** The judge, and what it was asked for labels and in the evaluation. */
  private Map<String, Object> judge(Judge judge, long asked) throws IOException {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("name", judge.name());
    figures.put("templates", judge.templateHashes());
    long all = asked;
    JudgeUsage labels = JudgeUsage.NONE;
    Path stats = context.folder().labels().resolve("stats.json");
    for (JsonNode template : Files.exists(stats) ? JSON.readTree(stats.toFile()) : JSON.createObjectNode()) {
      all += template.path("asked").asLong();
      if (template.has("usage")) {
        labels = labels.plus(JSON.convertValue(template.path("usage"), JudgeUsage.class));
      }
    }
    figures.put("asked", all);
    Map<String, JudgeUsage> usage = new LinkedHashMap<>();
    usage.put("label", labels);
    usage.put("evaluate", judge.usage());
    figures.put("usage", usage);
    return figures;
  }

  private Map<String, Object> pairwise(Map<ModelPair, List<PairVerdict>> verdicts) {
    Map<String, Object> pairs = new LinkedHashMap<>();
    verdicts.forEach((pair, list) -> {
      Map<String, Object> entry = JSON.convertValue(Comparison.of(list), new TypeReference<LinkedHashMap<String, Object>>() { });
      UserScores net = PairVerdict.winMinusLose(list);
      if (!net.users().isEmpty()) {
        entry.put("win_minus_lose", estimates.of(List.of(net)));
      }
      pairs.put(pair.versus(), entry);
    });
    return pairs;
  }

  private Map<String, Object> ablation(Map<String, AnswerSummary> answers) {
    Map<String, Map<String, Object>> settings = new LinkedHashMap<>();
    for (Ablation ablation : ablations) {
      AnswerSummary summary = answers.get(ablation.arm().name());
      List<Relevance> values = ablations.stream().filter(a -> a.setting().equals(ablation.setting()))
          .map(a -> answers.get(a.arm().name()).relevance()).toList();
      Map<String, Object> value = estimates.byTemplate(List.of(summary.relevance().onUsersOfAll(values)));
      value.put("unjudged", summary.unjudged().values().stream().mapToLong(Long::longValue).sum());
      value.put("mean_tokens", summary.form().meanTokens());
      value.put("right_count", summary.form().rightCount());
      settings.computeIfAbsent(ablation.setting(), s -> new LinkedHashMap<>()).put(ablation.value(), value);
    }
    return new LinkedHashMap<>(settings);
  }

  /** What the two reward models reached on validation users. */
  private Map<String, Object> rewardModels() throws IOException {
    Map<String, Object> models = new LinkedHashMap<>();
    addRewardModel(models, "token", "train-reward");
    addRewardModel(models, "sentence", "train-reward-sentence");
    return models;
  }

  private void addRewardModel(Map<String, Object> models, String name, String stage) throws IOException {
    Map<String, Object> figures = new LinkedHashMap<>();
    for (String figure : List.of("auc_weighted", "auc_relevant", "eval_loss")) {
      Double value = stages.contains(stage) ? context.folder().state().figures(figure).get(stage) : null;
      if (value != null) {
        figures.put(figure, Double.isFinite(value) ? value : null); // of validation users that are all of one class there is no AUC
      }
    }
    if (!figures.isEmpty()) {
      figures.put("training", curves("reward-" + name, Map.of("step", "step", "eval_loss", "eval/loss", "auc_weighted", "eval/auc_weighted")));
      models.put(name, figures);
    }
  }

  /** Scores of each step of the arms that are trained by their scores. */
  private Map<String, Object> training() throws IOException {
    Map<String, Object> arms = new LinkedHashMap<>();
    for (Arm arm : compared) {
      Map<String, List<Double>> scores =
          curves(arm.folder(), Map.of("score_mean", "objective/scores", "score_std", "objective/scores_std"));
      if (!scores.get("score_mean").isEmpty()) {
        arms.put(arm.name(), scores);
      }
    }
    return arms;
  }

  /**
   * Metrics of a model's training, over the steps that have all of them; null where one was not finite.
   *
   * @param names what the results call them, and what the metrics do
   */
  private Map<String, List<Double>> curves(String model, Map<String, String> names) throws IOException {
    Map<String, List<Double>> curves = new TreeMap<>();
    names.keySet().forEach(name -> curves.put(name, new ArrayList<>()));
    for (String line : Files.readAllLines(context.folder().model(model).resolve(MetricsWriter.FILE))) {
      JsonNode step = JSON.readTree(line);
      if (names.values().stream().allMatch(step::has)) {
        names.forEach((name, metric) -> curves.get(name).add(step.path(metric).isNumber() ? step.path(metric).asDouble() : null));
      }
    }
    return curves;
  }
}
