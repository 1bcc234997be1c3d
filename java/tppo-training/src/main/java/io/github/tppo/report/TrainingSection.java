// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.report.Metrics.Point;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Policy training over its rounds; sentence-level PPO stands beside token-level PPO when both were trained. */
final class TrainingSection {
  private static final String STEP = "round";
  private static final Set<String> JUDGE = Set.of("eval/judge_token_relevance", "eval/judge_sentence_relevance");

  private final Map<String, Metrics> runs = new LinkedHashMap<>();
  private final RunFiles run;

  private TrainingSection(RunFiles run) throws IOException {
    this.run = run;
    for (String name : List.of("ppo", "tppo", "printed")) {
      Metrics metrics = run.metrics(Models.folder(name));
      if (!metrics.isEmpty()) {
        runs.put(name, metrics);
      }
    }
  }

  static void write(Html html, RunFiles run) throws IOException {
    new TrainingSection(run).write(html);
  }

  private void write(Html html) {
    List<LineChart> scores = scores();
    if (scores.isEmpty()) {
      return;
    }
    Estimate suggested = Estimate.of(run.results().path("suggested_length"));
    if (runs.values().stream().anyMatch(m -> m.runs().size() > 1)) {
      html.element("p", "Lines are means over the seeds, bands go from the lowest seed to the highest; where a seed stopped "
          + "early, a line goes on with the others.");
    }
    html.figures(figures -> {
      scores.forEach(c -> c.write(figures));
      if (runs.size() > 1) {
        standardised().write(figures);
      }
      spread().write(figures);
      judge(figures);
      chart("KL from the SFT policy", "per response", "objective/kl").atLeast(0, Double.NaN).write(figures);
      chart("Response length", "tokens", "response/length_mean")
          .reference(suggested == null ? Double.NaN : suggested.mean(), "suggested length").write(figures);
      others(figures);
      classes(figures);
      chart("Value loss", "", "loss/value_avg").atLeast(0, Double.NaN).write(figures);
      chart("Policy loss", "", "loss/policy_avg").write(figures);
    });
    diagnostics(html);
    html.element("p", "The training score is the reward model’s with the penalties of length and form; those of PPO and TPPO have different "
        + "scales. Where it rises and the judge’s score does not, the policy has learned to please the reward model rather than "
        + "the user. A small spread is a merit only beside a good judge’s score: a policy that answers everybody alike has none.",
        "class", "note");
  }

  /** The score of each policy on its own scale. */
  private List<LineChart> scores() {
    JsonNode training = run.results().path("training");
    Set<String> names = new LinkedHashSet<>(runs.keySet());
    training.fieldNames().forEachRemaining(names::add);
    List<LineChart> charts = new ArrayList<>();
    for (String name : Models.sorted(names)) {
      List<Point> points = runs.containsKey(name) ? runs.get(name).series("objective/scores", "objective/scores_std")
          : kept(training.path(name));
      LineChart chart = new LineChart("Training score, " + Models.label(name), "mean over responses, band ± 1 standard deviation", STEP)
          .line(Models.label(name), Models.style(name), points);
      if (!chart.isEmpty()) {
        charts.add(chart);
      }
    }
    return charts;
  }

  /** All scores on one scale: the standard deviation of the first round, which all begin with the same policy. */
  private LineChart standardised() {
    LineChart chart = new LineChart("Gain in training score", "in standard deviations of the first round", STEP);
    runs.forEach((name, m) -> chart.line(Models.label(name), Models.style(name), m.series((first, step) ->
        (number(step, "objective/scores") - number(first, "objective/scores")) / number(first, "objective/scores_std"))));
    return chart;
  }

  private LineChart spread() {
    LineChart chart = new LineChart("Spread of the training score", "standard deviation in a round, the first = 1", STEP);
    runs.forEach((name, m) -> chart.line(Models.label(name), Models.style(name),
        m.series((first, step) -> number(step, "objective/scores_std") / number(first, "objective/scores_std"))));
    return chart.atLeast(0, Double.NaN);
  }

  private static double number(JsonNode step, String name) {
    return Numbers.of(step.path(name));
  }

  private LineChart chart(String title, String note, String metric) {
    LineChart chart = new LineChart(title, note, STEP);
    runs.forEach((name, m) -> chart.line(Models.label(name), Models.style(name), m.series(metric)));
    return chart;
  }

  private void judge(Html html) {
    if (runs.size() == 1) {
      runs.forEach((name, m) -> new LineChart("Judge’s score on validation users", "%", STEP)
          .line("words", Models.style(name), m.series("eval/judge_token_relevance"))
          .line("answers", "c-second", m.series("eval/judge_sentence_relevance")).write(html));
    } else {
      chart("Judge’s score: relevant words", "on validation users, %", "eval/judge_token_relevance").write(html);
      chart("Judge’s score: relevant answers", "on validation users, %", "eval/judge_sentence_relevance").write(html);
    }
  }

  /** Whatever else was measured on validation users, such as the form of the outputs. */
  private void others(Html html) {
    Set<String> names = new TreeSet<>();
    runs.values().forEach(m -> names.addAll(m.names("eval/")));
    names.removeAll(JUDGE);
    names.forEach(name -> chart(Numbers.words(name.substring(name.indexOf('/') + 1)), "on validation users", name).write(html));
  }

  private void classes(Html html) {
    LineChart chart = new LineChart("Predicted classes", "share of the tokens with a class", STEP);
    boolean one = runs.size() == 1;
    runs.forEach((name, m) -> {
      String prefix = one ? "" : Models.label(name) + " ";
      chart.line(prefix + "relevant", one ? "c-relevant" : Models.style(name), m.series("reward/token_relevant_frac"));
      if (one) {
        chart.line("irrelevant", "c-irrelevant", m.series("reward/token_irrelevant_frac"));
      }
    });
    chart.atLeast(0, Double.NaN).write(html);
  }

  private void diagnostics(Html html) {
    List<LineChart> charts = List.of(
        chart("Entropy", "nats per token", "objective/entropy"),
        chart("Explained variance of the critic", "1 is perfect", "val/explained_variance"),
        chart("Clipped ratios", "share of tokens", "policy/clipfrac_avg"),
        chart("Approximate KL of an update", "", "policy/approxkl_avg"),
        chart("Gradient norm", "before clipping", "policy/grad_norm"),
        chart("KL coefficient", "", "objective/kl_coef"),
        chart("Penalty factor", "mean over tokens", "reward/lwp_mean"),
        chart("Tokens beyond the suggested length", "share", "reward/beyond_suggested_frac"));
    if (charts.stream().allMatch(LineChart::isEmpty)) {
      return;
    }
    html.open("details").element("summary", "Diagnostics of the optimiser").open("div", "class", "figures");
    charts.forEach(c -> c.write(html));
    html.close().close();
  }

  /** Scores as {@code results.json} keeps them, one a round. */
  private static List<Point> kept(JsonNode training) {
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < training.path("score_mean").size(); i++) {
      double mean = Numbers.of(training.path("score_mean").path(i));
      double sd = Numbers.of(training.path("score_std").path(i));
      if (!Double.isNaN(mean)) {
        points.add(new Point(i + 1, mean, mean - sd, mean + sd));
      }
    }
    return points;
  }
}
