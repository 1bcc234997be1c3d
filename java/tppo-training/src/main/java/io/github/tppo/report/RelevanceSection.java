// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.report.StackedBars.Part;
import java.util.ArrayList;
import java.util.List;

/** How relevant each model's answers are, and who wins against whom. */
final class RelevanceSection {
  private RelevanceSection() {}

  static void write(Html html, RunFiles run) {
    JsonNode rates = run.results().path("relevance_rate");
    JsonNode pairs = run.results().path("pairwise");
    if (rates.isEmpty() && pairs.isEmpty()) {
      return;
    }
    html.open("div", "class", "figures");
    bars(html, rates.path("token_template"), "Relevant words", "share of an answer’s words, %");
    bars(html, rates.path("sentence_template"), "Relevant answers", "share of whole answers, %");
    pairs(html, pairs);
    html.close();
    differences(html, run.results().path("difference"));
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

  private static void pairs(Html html, JsonNode pairs) {
    StackedBars chart = new StackedBars("Win, tie, lose", "share of users, %");
    pairs.properties().forEach(pair -> {
      JsonNode v = pair.getValue();
      double flips = v.path("flip_rate").asDouble();
      chart.bar(pairName(pair.getKey(), "_vs_", " against "),
          flips > 0 ? "verdict flips with the order: " + Numbers.fixed(flips, 1) + " %" : "",
          List.of(part("first wins", "win", v.path("win")), part("tie", "tie", v.path("tie")),
              part("second wins", "lose", v.path("lose"))));
    });
    chart.write(html);
  }

  private static Part part(String label, String style, JsonNode value) {
    return new Part(label, style, value.asDouble(), Numbers.fixed(value.asDouble(), 1));
  }

  private static void differences(Html html, JsonNode differences) {
    if (differences.isEmpty()) {
      return;
    }
    Table table = new Table("Paired differences", "relevant words, points", "relevant answers, points");
    differences.properties().forEach(entry -> table.row(pairName(entry.getKey(), "_minus_", " − "),
        cell(entry.getValue().path("token_template")), cell(entry.getValue().path("sentence_template"))));
    table.write(html);
    html.element("p", "Intervals are 95 % percentile bootstrap intervals over users; differences are taken user by user. "
        + "An interval that contains zero shows no difference.", "class", "note");
  }

  private static Table.Cell cell(JsonNode node) {
    Estimate e = Estimate.of(node);
    return e == null ? Table.text("") : Table.number(e.mean(),
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
