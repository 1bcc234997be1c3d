// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayList;
import java.util.List;

/** Differences around zero, each with its interval and a dot a seed; filled where the whole interval is on one side of zero. */
final class ForestPlot {
  private static final int WIDTH = 360;
  private static final int ROW = 40;
  private static final int AXIS = 20;
  private static final int SIDE = 6;

  private record Row(String label, Estimate value) {}

  private final String title;
  private final String note;
  private final List<Row> rows = new ArrayList<>();

  ForestPlot(String title, String note) {
    this.title = title;
    this.note = note;
  }

  /** Adds a difference; nothing when there is no value. */
  ForestPlot row(String label, Estimate value) {
    if (value != null) {
      rows.add(new Row(label, value));
    }
    return this;
  }

  /** Writes the figure; nothing when it has no row. */
  void write(Html html) {
    if (rows.isEmpty()) {
      return;
    }
    double low = 0;
    double high = 0;
    for (Row row : rows) {
      for (double end : ends(row.value())) {
        low = Math.min(low, end);
        high = Math.max(high, end);
      }
    }
    Scale x = Scale.round(low, high, SIDE, WIDTH - SIDE, 6);
    int height = rows.size() * ROW;
    html.open("figure", "class", "chart");
    LineChart.caption(html, title, note);
    html.open("svg", "viewBox", "0 0 " + WIDTH + " " + (height + AXIS), "role", "img", "aria-label", describe());
    for (double tick : x.ticks()) {
      String at = Numbers.at(x.at(tick));
      html.empty("line", "class", tick == 0 ? "zero" : "grid", "x1", at, "x2", at, "y1", "18", "y2", "" + height);
      html.element("text", x.label(tick), "class", "tick", "x", at, "y", "" + (height + 14), "text-anchor",
          x.at(tick) < 20 ? "start" : x.at(tick) > WIDTH - 20 ? "end" : "middle");
    }
    for (int i = 0; i < rows.size(); i++) {
      row(html, rows.get(i), i * ROW, x);
    }
    html.close().close();
  }

  private static List<Double> ends(Estimate e) {
    List<Double> ends = new ArrayList<>(e.perSeed());
    ends.add(e.mean());
    ends.add(e.low());
    ends.add(e.high());
    ends.removeIf(d -> d.isNaN());
    return ends;
  }

  private static void row(Html html, Row row, int top, Scale x) {
    Estimate e = row.value();
    int middle = top + 27;
    String style = !e.hasInterval() || e.low() <= 0 && e.high() >= 0 ? "open" : e.low() > 0 ? "win" : "lose";
    html.empty("rect", "class", "under", "x", "0", "y", "" + top, "width", "" + WIDTH, "height", "18");
    html.element("text", row.label(), "class", "name", "x", "0", "y", "" + (top + 13));
    html.element("text", shown(e), "class", "value", "x", "" + WIDTH, "y", "" + (top + 13), "text-anchor", "end");
    if (e.hasInterval()) {
      html.empty("path", "class", "interval " + style, "d",
          "M" + Numbers.at(x.at(e.low())) + " " + middle + "H" + Numbers.at(x.at(e.high())));
    }
    html.empty("circle", "class", "mean " + style, "cx", Numbers.at(x.at(e.mean())), "cy", "" + middle, "r", "5");
    if (e.perSeed().size() > 1) {
      e.perSeed().forEach(s -> html.empty("circle", "class", "seed", "cx", Numbers.at(x.at(s)), "cy", "" + middle, "r", "2.2"));
    }
  }

  private static String shown(Estimate e) {
    return Numbers.signed(e.mean(), 2) + (e.hasInterval() ? " " + e.interval(2) : "");
  }

  private String describe() {
    StringBuilder text = new StringBuilder(title).append('.');
    rows.forEach(r -> text.append(' ').append(r.label()).append(": ").append(shown(r.value())).append('.'));
    return text.toString();
  }
}
