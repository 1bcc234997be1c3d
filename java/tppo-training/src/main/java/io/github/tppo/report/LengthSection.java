// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.report.Metrics.Point;
import java.io.IOException;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;

/** What the length of a response does to its reward, and what the policy makes of it (SPEC 5). */
final class LengthSection {
  /** The logistic's shift: with it the penalty is still next to nothing at the suggested length. */
  private static final double SHIFT = 6;
  private static final int MOST_BINS = 30;
  /** Fewer answers than this say nothing about a length. */
  private static final int LEAST_ANSWERS = 5;

  private final double suggested;
  private final double alpha;
  private final boolean penalty;
  private final Map<String, List<Answer>> answers = new LinkedHashMap<>();

  private LengthSection(RunFiles run) throws IOException {
    JsonNode policy = run.config().path("policy");
    Estimate length = Estimate.of(run.results().path("suggested_length"));
    this.suggested = length == null ? Double.NaN : length.mean();
    this.alpha = policy.path("alpha").asDouble(2);
    this.penalty = policy.path("length_penalty").asBoolean(true);
    run.answers().forEach((model, list) -> {
      if (list.stream().anyMatch(a -> a.tokenCount() > 0)) {
        answers.put(model, list);
      }
    });
  }

  static void write(Html html, RunFiles run) throws IOException {
    LengthSection section = new LengthSection(run);
    if (section.answers.isEmpty() && Double.isNaN(section.suggested)) {
      return;
    }
    html.figures(figures -> {
      section.histogram(figures);
      section.byLength("Judge’s score by length", "relevant words, %", a -> 100 * a.relevance()).write(figures);
      section.byLength("Token reward by length", "mean over the tokens of an answer, without penalty", LengthSection::meanReward)
          .write(figures);
      if (!Double.isNaN(section.suggested)) {
        section.byLength("Score by length", "sum over an answer, with the length penalty", section::score).write(figures);
      }
      section.penaltyCurve(figures);
    });
    section.table(html);
  }

  private static double meanReward(Answer answer) {
    return answer.tokens().stream().mapToDouble(Answer.Token::reward).average().orElse(Double.NaN);
  }

  private double score(Answer answer) {
    double sum = 0;
    for (int t = 0; t < answer.tokens().size(); t++) {
      sum += lwp(t + 1) * answer.tokens().get(t).reward();
    }
    return sum;
  }

  private double lwp(double length) {
    return penalty ? 1 / (1 + Math.exp(alpha * (length - suggested) - SHIFT)) : 1;
  }

  private int longest() {
    return answers.values().stream().flatMap(List::stream).mapToInt(Answer::tokenCount).max().orElse(0);
  }

  private void penaltyCurve(Html html) {
    if (Double.isNaN(suggested)) {
      return;
    }
    List<Point> points = new ArrayList<>();
    int end = (int) Math.max(longest(), Math.ceil(suggested) + 8);
    for (int l = 1; l <= end; l++) {
      points.add(Point.of(l, lwp(l)));
    }
    String note = penalty ? "factor of a token’s reward, α = " + Numbers.brief(alpha) : "switched off in this run";
    new LineChart("Length penalty", note, "position in the response").line("lwp", "c-plain", points).mark(suggested, "suggested length")
        .atLeast(0, 1.2).write(html);
  }

  private int binWidth() {
    return Math.max(1, (longest() + MOST_BINS) / MOST_BINS);
  }

  private static double middle(int bin, int width) {
    return bin * width + (width - 1) / 2.0;
  }

  private void histogram(Html html) {
    LineChart chart = new LineChart("Length of answers", "share of held-out answers, %", "tokens");
    int width = binWidth();
    answers.forEach((model, list) -> {
      double[] bins = new double[longest() / width + 1];
      list.forEach(a -> bins[a.tokenCount() / width] += 100.0 / list.size());
      List<Point> points = new ArrayList<>();
      for (int b = 0; b < bins.length; b++) {
        points.add(Point.of(middle(b, width), bins[b]));
      }
      chart.line(Models.label(model), Models.style(model), points);
    });
    chart.mark(suggested, "suggested").atLeast(0, Double.NaN).write(html);
  }

  /** The mean of something over the answers of about the same length. */
  private LineChart byLength(String title, String note, ToDoubleFunction<Answer> of) {
    LineChart chart = new LineChart(title, note, "tokens");
    int width = binWidth();
    answers.forEach((model, list) -> {
      Map<Integer, DoubleSummaryStatistics> bins = new TreeMap<>();
      for (Answer a : list) {
        double value = of.applyAsDouble(a);
        if (!Double.isNaN(value)) {
          bins.computeIfAbsent(a.tokenCount() / width, b -> new DoubleSummaryStatistics()).accept(value);
        }
      }
      List<Point> points = new ArrayList<>();
      bins.forEach((bin, values) -> {
        if (values.getCount() >= LEAST_ANSWERS) {
          points.add(Point.of(middle(bin, width), values.getAverage()));
        }
      });
      chart.line(Models.label(model), Models.style(model), points);
    });
    return chart.mark(suggested, "suggested").atLeast(0, Double.NaN);
  }

  private void table(Html html) {
    if (Double.isNaN(suggested)) {
      return;
    }
    Table table = new Table("Held-out answers", "answers", "mean length, tokens",
        "longer than suggested (" + Numbers.brief(suggested) + ")", "tokens beyond it");
    answers.forEach((model, list) -> {
      double tokens = list.stream().mapToInt(Answer::tokenCount).sum();
      double longer = list.stream().filter(a -> a.tokenCount() > suggested).count();
      double beyond = list.stream().mapToDouble(a -> Math.max(0, a.tokenCount() - Math.floor(suggested))).sum();
      table.row(Models.label(model), Table.count(list.size()), Table.number(tokens / list.size(), Numbers.fixed(tokens / list.size(), 1)),
          Table.percent(longer / list.size()), Table.percent(tokens == 0 ? Double.NaN : beyond / tokens));
    });
    table.write(html);
  }
}
