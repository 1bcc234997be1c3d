// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.report.Metrics.Point;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

  private LengthSection(RunFiles run) {
    JsonNode policy = run.config().path("policy");
    this.suggested = Numbers.of(run.results().path("suggested_length"));
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
    Metrics training = run.metrics("tppo");
    if (section.answers.isEmpty() && Double.isNaN(section.suggested)) {
      return;
    }
    html.open("div", "class", "figures");
    section.penaltyCurve(html);
    section.histogram(html);
    section.rewardByLength(html);
    new LineChart("Length penalty in training", "means over response tokens", "round")
        .line("penalty factor", "c-first", training.series("reward/lwp_mean"))
        .line("share beyond the suggested length", "c-second", training.series("reward/beyond_suggested_frac"))
        .atLeast(0, 1).write(html);
    html.close();
    section.table(html);
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

  private void histogram(Html html) {
    LineChart chart = new LineChart("Length of answers", "share of held-out answers, %", "tokens");
    int width = Math.max(1, (longest() + MOST_BINS) / MOST_BINS);
    answers.forEach((model, list) -> {
      double[] bins = new double[longest() / width + 1];
      list.forEach(a -> bins[a.tokenCount() / width] += 100.0 / list.size());
      List<Point> points = new ArrayList<>();
      for (int b = 0; b < bins.length; b++) {
        points.add(Point.of(b * width + (width - 1) / 2.0, bins[b]));
      }
      chart.line(Models.label(model), Models.style(model), points);
    });
    chart.mark(suggested, "suggested").atLeast(0, Double.NaN).write(html);
  }

  private void rewardByLength(Html html) {
    if (Double.isNaN(suggested)) {
      return;
    }
    LineChart chart = new LineChart("Reward against length", "mean score of an answer, penalty included", "tokens");
    int width = Math.max(1, (longest() + MOST_BINS) / MOST_BINS);
    answers.forEach((model, list) -> {
      double[] sum = new double[longest() / width + 1];
      int[] count = new int[sum.length];
      for (Answer a : list) {
        int bin = a.tokenCount() / width;
        count[bin]++;
        for (int t = 0; t < a.tokens().size(); t++) {
          sum[bin] += lwp(t + 1) * a.tokens().get(t).reward();
        }
      }
      List<Point> points = new ArrayList<>();
      for (int b = 0; b < sum.length; b++) {
        if (count[b] >= LEAST_ANSWERS) {
          points.add(new Point(b * width + (width - 1) / 2.0, sum[b] / count[b], Double.NaN));
        }
      }
      chart.line(Models.label(model), Models.style(model), points);
    });
    chart.mark(suggested, "suggested").atLeast(0, Double.NaN).write(html);
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
