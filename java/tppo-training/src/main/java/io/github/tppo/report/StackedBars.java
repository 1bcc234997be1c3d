// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayList;
import java.util.List;

/** Bars that are divided into shares of a whole, each with its name above it. */
final class StackedBars {
  private static final int WIDTH = 360;
  private static final int ROW = 50;
  private static final int BAR = 22;
  /** The width of a digit inside a bar, and the space around a number. */
  private static final double DIGIT = 7;
  private static final double AROUND = 5;

  /** A part of a bar, in any unit. */
  record Part(String label, String style, double value, String shown) {}

  private record Row(String label, String note, List<Part> parts) {}

  private final String title;
  private final String note;
  private final List<Row> rows = new ArrayList<>();

  StackedBars(String title, String note) {
    this.title = title;
    this.note = note;
  }

  /** Adds a bar; nothing when its parts sum to zero. */
  StackedBars bar(String label, String rowNote, List<Part> parts) {
    if (parts.stream().mapToDouble(Part::value).sum() > 0) {
      rows.add(new Row(label, rowNote, parts));
    }
    return this;
  }

  /** Writes the figure; nothing when it has no bar. */
  void write(Html html) {
    if (rows.isEmpty()) {
      return;
    }
    html.open("figure", "class", "chart");
    LineChart.caption(html, title, note);
    html.open("p", "class", "legend");
    rows.get(0).parts().forEach(p -> html.open("span", "class", p.style()).empty("i").text(p.label()).close());
    html.close();
    html.open("svg", "viewBox", "0 0 " + WIDTH + " " + (rows.size() * ROW), "role", "img", "aria-label", describe());
    for (int i = 0; i < rows.size(); i++) {
      row(html, rows.get(i), i * ROW);
    }
    html.close().close();
  }

  private static void row(Html html, Row row, int top) {
    html.element("text", row.label(), "class", "name", "x", "0", "y", "" + (top + 14));
    html.element("text", row.note(), "class", "tick", "x", "" + WIDTH, "y", "" + (top + 14), "text-anchor", "end");
    double sum = row.parts().stream().mapToDouble(Part::value).sum();
    double x = 0;
    for (Part part : row.parts()) {
      double width = WIDTH * part.value() / sum;
      html.open("g").element("title", part.label() + ": " + part.shown());
      html.empty("rect", "class", "bar " + part.style(), "x", Numbers.at(x), "y", "" + (top + 21),
          "width", Numbers.at(Math.max(0, width - 1.5)), "height", "" + BAR, "rx", "2");
      if (width >= DIGIT * part.shown().length() + AROUND) {
        html.element("text", part.shown(), "class", "inside", "x", Numbers.at(x + width / 2), "y", "" + (top + 36),
            "text-anchor", "middle");
      }
      html.close();
      x += width;
    }
  }

  private String describe() {
    StringBuilder text = new StringBuilder(title).append('.');
    for (Row row : rows) {
      text.append(' ').append(row.label()).append(':');
      row.parts().forEach(p -> text.append(' ').append(p.label()).append(' ').append(p.shown()).append(','));
      text.setCharAt(text.length() - 1, '.');
    }
    return text.toString();
  }
}
