// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;

/** What the run stands on: the log's counts. */
final class DataSection {
  private DataSection() {}

  /** The log: rows read, kept and dropped, users, examples. */
  static void write(Html html, RunFiles run) throws IOException {
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
      table.row(Numbers.words(e.getKey()), Table.number(q.path("mean").asDouble(), Numbers.fixed(q.path("mean").asDouble(), 1)),
          quantile(q, "p5"), quantile(q, "p25"), quantile(q, "p50"), quantile(q, "p75"), quantile(q, "p95"), quantile(q, "max"));
    });
    table.write(html);
  }

  private static Table.Cell quantile(JsonNode quantiles, String name) {
    return Table.count(quantiles.path(name).asDouble());
  }

  private static void bars(Html html, String title, String note, JsonNode counts) {
    BarChart chart = new BarChart(title, note);
    counts.properties().forEach(e -> chart.bar(split(Numbers.words(e.getKey())), "", "c-plain", Estimate.of(e.getValue()),
        count(e.getValue())));
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
}
