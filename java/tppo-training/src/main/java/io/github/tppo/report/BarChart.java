// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayList;
import java.util.List;

/** Horizontal bars with names above them, with 95 % intervals and a dot a seed where there are such. */
final class BarChart {
  private static final int WIDTH = 360;
  private static final int ROW = 44;
  private static final int BAR = 16;

  private record Row(String label, String about, String style, Estimate value, String shown) {}

  private final String title;
  private final String note;
  private final List<Row> rows = new ArrayList<>();

  BarChart(String title, String note) {
    this.title = title;
    this.note = note;
  }

  /** Adds a bar from zero; nothing when there is no value. */
  BarChart bar(String label, String about, String style, Estimate value, String shown) {
    if (value != null && Double.isFinite(value.mean())) {
      rows.add(new Row(label, about, style, value, shown));
    }
    return this;
  }

  boolean isEmpty() {
    return rows.isEmpty();
  }

  /** Writes the figure; nothing when it has no bar. */
  void write(Html html) {
    if (rows.isEmpty()) {
      return;
    }
    double high = 0;
    for (Row row : rows) {
      high = Math.max(high, Math.max(row.value().mean(), row.value().hasInterval() ? row.value().high() : 0));
      high = Math.max(high, row.value().perSeed().stream().mapToDouble(Double::doubleValue).max().orElse(0));
    }
    Scale x = Scale.exact(0, high == 0 ? 1 : high * 1.02, 0, WIDTH, 5);
    html.open("figure", "class", "chart");
    LineChart.caption(html, title, note);
    html.open("svg", "viewBox", "0 0 " + WIDTH + " " + (rows.size() * ROW), "role", "img", "aria-label", describe());
    for (int i = 0; i < rows.size(); i++) {
      row(html, rows.get(i), i * ROW, x);
    }
    html.close().close();
  }

  private static void row(Html html, Row row, int top, Scale x) {
    html.open("text", "class", "name", "x", "0", "y", "" + (top + 14)).text(row.label());
    if (!row.about().isEmpty()) {
      html.element("tspan", row.about(), "class", "tick", "dx", "6");
    }
    html.close();
    html.element("text", row.shown(), "class", "value", "x", "" + WIDTH, "y", "" + (top + 14), "text-anchor", "end");
    int y = top + 21;
    html.empty("rect", "class", "track", "x", "0", "y", "" + y, "width", "" + WIDTH, "height", "" + BAR, "rx", "3");
    html.empty("rect", "class", "bar " + row.style(), "x", "0", "y", "" + y, "width", Numbers.at(Math.max(1, x.at(row.value().mean()))),
        "height", "" + BAR, "rx", "3");
    double middle = y + BAR / 2.0;
    if (row.value().hasInterval()) {
      String low = Numbers.at(x.at(row.value().low()));
      String high = Numbers.at(x.at(row.value().high()));
      StringBuilder path = new StringBuilder();
      path.append('M').append(low).append(' ').append(y + 4).append('v').append(BAR - 8).append('M').append(high).append(' ').append(y + 4)
          .append('v').append(BAR - 8).append('M').append(low).append(' ').append(Numbers.at(middle)).append('H').append(high);
      html.empty("path", "class", "halo", "d", path.toString());
      html.empty("path", "class", "whisker", "d", path.toString());
    }
    if (row.value().perSeed().size() > 1) {
      for (double seed : row.value().perSeed()) {
        html.empty("circle", "class", "seed", "cx", Numbers.at(x.at(seed)), "cy", Numbers.at(middle), "r", "3");
      }
    }
  }

  private String describe() {
    StringBuilder text = new StringBuilder(title).append('.');
    rows.forEach(r -> text.append(' ').append(r.label()).append(": ").append(r.shown())
        .append(r.value().hasInterval() ? ", 95 % interval " + r.value().interval(1) : "").append('.'));
    return text.toString();
  }
}
