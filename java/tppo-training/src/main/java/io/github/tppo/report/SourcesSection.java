// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.report.StackedBars.Part;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** What the run stands on: the log's counts and the judge's labels. */
final class SourcesSection {
  private SourcesSection() {}

  /** The log: rows read, kept and dropped, users, examples. */
  static void data(Html html, RunFiles run) throws IOException {
    JsonNode stats = run.tree("data/stats.json");
    if (!stats.isObject()) {
      return;
    }
    html.open("div", "class", "figures");
    new BarChart("Rows of the log", stats.path("form").asText())
        .bar("read", "", "c-plain", Estimate.of(stats.path("rows_read")), count(stats.path("rows_read")))
        .bar("kept", "", "c-relevant", Estimate.of(stats.path("rows_kept")), count(stats.path("rows_kept"))).write(html);
    bars(html, "Rows dropped", "by reason", stats.path("rows_dropped"));
    bars(html, "Entries dropped", "inside kept rows", stats.path("entries_dropped"));
    BarChart users = new BarChart("Users", "").bar("in the log", "", "c-plain", Estimate.of(stats.path("users")),
        count(stats.path("users")));
    stats.path("users_per_split").properties().forEach(e -> users.bar(split(e.getKey()), "with an example", "c-plain",
        Estimate.of(e.getValue()), count(e.getValue())));
    users.write(html);
    bars(html, "Users without an example", "by reason", stats.path("users_dropped"));
    bars(html, "Examples", "by part of the users", stats.path("examples"));
    html.close();
    lengths(html, stats.path("lengths"));
    for (JsonNode warning : stats.path("warnings")) {
      html.element("p", warning.asText(), "class", "warning");
    }
  }

  private static void lengths(Html html, JsonNode lengths) {
    Table table = new Table("Lengths", "mean", "5 %", "25 %", "median", "75 %", "95 %", "largest");
    lengths.properties().forEach(e -> {
      JsonNode q = e.getValue();
      table.row(words(e.getKey()), Table.number(q.path("mean").asDouble(), Numbers.fixed(q.path("mean").asDouble(), 1)),
          quantile(q, "p5"), quantile(q, "p25"), quantile(q, "p50"), quantile(q, "p75"), quantile(q, "p95"), quantile(q, "max"));
    });
    table.write(html);
  }

  private static Table.Cell quantile(JsonNode quantiles, String name) {
    return Table.count(quantiles.path(name).asDouble());
  }

  /** The judge: what was labelled, how much of it is relevant, what was set aside. */
  static void judge(Html html, RunFiles run) throws IOException {
    JsonNode stats = run.tree("labels/stats.json");
    if (stats.isEmpty()) {
      return;
    }
    Table table = new Table("Template", "judge", "labelled", "set aside", "questions asked", "words scored", "words relevant",
        "answers relevant", "time");
    StackedBars classes = new StackedBars("Classes of the response tokens", "labels for the reward model, %");
    stats.properties().forEach(e -> {
      JsonNode s = e.getValue();
      double rejected = 0;
      StringBuilder reasons = new StringBuilder();
      for (Map.Entry<String, JsonNode> reason : s.path("rejected").properties()) {
        rejected += reason.getValue().asDouble();
        reasons.append(reasons.isEmpty() ? " (" : ", ").append(words(reason.getKey())).append(' ').append(count(reason.getValue()));
      }
      table.row(e.getKey(), Table.text(s.path("judge").asText()), Table.count(s.path("labelled").asDouble()),
          Table.number(rejected, Numbers.count(rejected) + (reasons.isEmpty() ? "" : reasons + ")")),
          Table.count(s.path("asked").asDouble()),
          Table.count(s.path("words_scored").asDouble()), Table.percent(s.path("words_relevant_percent").asDouble() / 100),
          Table.percent(s.path("sentences_relevant_percent").asDouble() / 100),
          Table.number(s.path("seconds").asDouble(), Numbers.duration(s.path("seconds").asDouble())));
      JsonNode tokens = s.path("class_tokens");
      if (tokens.size() == 3) {
        double all = tokens.path(0).asDouble() + tokens.path(1).asDouble() + tokens.path(2).asDouble();
        classes.bar(e.getKey() + " template", Numbers.count(all) + " tokens", List.of(
            part("relevant", "c-relevant", tokens.path(2).asDouble(), all),
            part("irrelevant", "c-irrelevant", tokens.path(1).asDouble(), all),
            part("no word", "tie", tokens.path(0).asDouble(), all)));
      }
    });
    table.write(html);
    html.open("div", "class", "figures");
    classes.write(html);
    html.close();
  }

  private static Part part(String label, String style, double value, double all) {
    return new Part(label, style, value, Numbers.fixed(all == 0 ? 0 : 100 * value / all, 1));
  }

  private static void bars(Html html, String title, String note, JsonNode counts) {
    BarChart chart = new BarChart(title, note);
    counts.properties().forEach(e -> chart.bar(split(words(e.getKey())), "", "c-plain", Estimate.of(e.getValue()), count(e.getValue())));
    chart.write(html);
  }

  private static String split(String key) {
    return switch (key) {
      case "train" -> "training";
      case "valid" -> "validation";
      case "eval" -> "held out";
      default -> key;
    };
  }

  private static String count(JsonNode number) {
    return Numbers.count(number.asDouble());
  }

  private static String words(String key) {
    return key.replace('_', ' ');
  }
}
