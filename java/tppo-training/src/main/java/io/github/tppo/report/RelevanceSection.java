// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.report.StackedBars.Part;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** How relevant each model's answers are, and who wins against whom. */
final class RelevanceSection {
  private static final String VERSUS = "_vs_";
  private static final String MINUS = "_minus_";

  private RelevanceSection() {}

  static void write(Html html, RunFiles run) {
    JsonNode rates = run.results().path("relevance_rate");
    JsonNode pairs = run.results().path("pairwise");
    if (rates.isEmpty() && pairs.isEmpty()) {
      return;
    }
    JsonNode differences = run.results().path("difference");
    html.figures(figures -> {
      bars(figures, rates.path("token_template"), "Relevant words", "share of an answer’s words, %");
      bars(figures, rates.path("sentence_template"), "Relevant answers", "share of whole answers, %");
      pairs(figures, pairs, "Win, tie, lose: TPPO", key -> key.startsWith("tppo" + VERSUS));
      forest(figures, differences, "token_template", "Differences in relevant words");
      forest(figures, differences, "sentence_template", "Differences in relevant answers");
      pairs(figures, pairs, "Win, tie, lose: the others", key -> !key.startsWith("tppo" + VERSUS));
    });
    unjudged(html, run.results());
    differences(html, differences, pairs);
  }

  private static void bars(Html html, JsonNode rates, String title, String note) {
    BarChart chart = new BarChart(title, note);
    for (String model : names(rates)) {
      Estimate rate = Estimate.of(rates.path(model));
      if (rate != null) {
        chart.bar(Models.label(model), Models.about(model), Models.style(model), rate, Numbers.fixed(rate.mean(), 1));
      }
    }
    chart.write(html);
  }

  /** Answers without a score, which are in no rate. */
  private static void unjudged(Html html, JsonNode results) {
    for (String template : List.of("token_template", "sentence_template")) {
      JsonNode counts = results.path("unjudged").path(template);
      String failed = names(counts).stream().filter(m -> counts.path(m).asDouble() > 0)
          .map(m -> Numbers.count(counts.path(m).asDouble()) + " of " + Models.label(m)).collect(Collectors.joining(", "));
      if (!failed.isEmpty()) {
        double left = results.path("users_left_out").path(template).asDouble();
        html.element("p", (template.startsWith("token") ? "Relevant words" : "Relevant answers")
            + ": the judge failed on some answers (" + failed + "), which are in no figure. " + Numbers.count(left)
            + " users without a judged answer of every model are left out, so that all are compared on the same users.", "class", "note");
      }
    }
  }

  private static void forest(Html html, JsonNode differences, String template, String title) {
    ForestPlot plot = new ForestPlot(title, "points, paired user by user");
    differences.properties().stream().filter(e -> !e.getKey().endsWith(MINUS + "copy")) // far off, they would hide the others
        .forEach(e -> plot.row(pairName(e.getKey(), MINUS, " − "), Estimate.of(e.getValue().path(template))));
    plot.write(html);
  }

  private static void pairs(Html html, JsonNode pairs, String title, Predicate<String> wanted) {
    StackedBars chart = new StackedBars(title, "share of users, %");
    pairs.properties().stream().filter(p -> wanted.test(p.getKey())).forEach(pair -> {
      JsonNode v = pair.getValue();
      double balance = v.path("win").asDouble() - v.path("lose").asDouble();
      double flips = Numbers.of(v.path("flip_rate"));
      double failed = v.path("unjudged").asDouble();
      chart.bar(pairName(pair.getKey(), VERSUS, " against "),
          Numbers.signed(balance, 1) + (Double.isNaN(flips) ? "" : ", flips " + Numbers.fixed(100 * flips, 1) + " %")
              + (failed > 0 ? ", not judged " + Numbers.count(failed) : ""),
          List.of(part("first wins", "win", v.path("win")), part("tie", "tie", v.path("tie")),
              part("second wins", "lose", v.path("lose"))));
    });
    chart.write(html);
  }

  private static Part part(String label, String style, JsonNode value) {
    return new Part(label, style, value.asDouble(), Numbers.fixed(value.asDouble(), 1));
  }

  private static void differences(Html html, JsonNode differences, JsonNode pairs) {
    if (differences.isEmpty()) {
      return;
    }
    html.element("p", "Whiskers are 95 % intervals; small circles are single seeds. Differences are taken user by user; an interval "
        + "that contains zero shows no difference. Beside a pair stands wins − losses; “flips” is the share of users on whom the "
        + "verdict changed with the order in which the two answers were shown, which counts as a tie.", "class", "note");
    Table table = new Table("Paired differences", "relevant words, points", "relevant answers, points", "wins − losses, points");
    differences.properties().forEach(entry -> table.row(pairName(entry.getKey(), MINUS, " − "),
        cell(entry.getValue().path("token_template")), cell(entry.getValue().path("sentence_template")),
        cell(pairs.path(entry.getKey().replace(MINUS, VERSUS)).path("win_minus_lose"))));
    html.open("details").element("summary", "Differences as a table");
    table.write(html);
    html.close();
  }

  private static Table.Cell cell(JsonNode node) {
    Estimate e = Estimate.of(node);
    return e == null ? Table.text("–") : Table.number(e.mean(),
        Numbers.signed(e.mean(), 2) + (e.hasInterval() ? "  " + e.interval(2) : ""));
  }

  /** {@code tppo_vs_sft} as a person writes it. */
  static String pairName(String key, String separator, String between) {
    int at = key.indexOf(separator);
    return at < 0 ? key : Models.label(key.substring(0, at)) + between + Models.label(key.substring(at + separator.length()));
  }

  private static List<String> names(JsonNode node) {
    List<String> names = new ArrayList<>();
    node.fieldNames().forEachRemaining(names::add);
    return Models.sorted(names);
  }
}
