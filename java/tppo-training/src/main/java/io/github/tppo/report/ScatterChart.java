// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Dots in two dimensions, in the colours of their groups; some ringed. */
final class ScatterChart {
  private static final int WIDTH = 360;
  private static final int HEIGHT = 230;
  private static final int LEFT = 44;
  private static final int RIGHT = 12;
  private static final int TOP = 12;
  private static final int BOTTOM = 36;

  private record Dot(String group, String style, double x, double y, String about, boolean ringed) {}

  private final String title;
  private final String note;
  private final String xLabel;
  private final String yLabel;
  private final List<Dot> dots = new ArrayList<>();

  ScatterChart(String title, String note, String xLabel, String yLabel) {
    this.title = title;
    this.note = note;
    this.xLabel = xLabel;
    this.yLabel = yLabel;
  }

  /** Adds a dot; nothing when one of its values is missing. */
  ScatterChart dot(String group, String style, double x, double y, String about, boolean ringed) {
    if (Double.isFinite(x) && Double.isFinite(y)) {
      dots.add(new Dot(group, style, x, y, about, ringed));
    }
    return this;
  }

  /** Writes the figure; nothing when it has no dot. */
  void write(Html html) {
    if (dots.isEmpty()) {
      return;
    }
    Scale x = Scale.round(dots.stream().mapToDouble(Dot::x).min().orElse(0), dots.stream().mapToDouble(Dot::x).max().orElse(1),
        LEFT + 6, WIDTH - RIGHT - 6, 5);
    Scale y = Scale.round(dots.stream().mapToDouble(Dot::y).min().orElse(0), dots.stream().mapToDouble(Dot::y).max().orElse(1),
        HEIGHT - BOTTOM - 6, TOP + 6, 5);
    Map<String, String> groups = new LinkedHashMap<>();
    dots.forEach(d -> groups.put(d.group(), d.style()));
    html.open("figure", "class", "chart lines");
    LineChart.caption(html, title, note);
    html.open("p", "class", "legend");
    groups.forEach((group, style) -> html.open("span", "class", style).empty("i").text(group).close());
    html.close();
    html.open("svg", "viewBox", "0 0 " + WIDTH + " " + HEIGHT, "role", "img", "aria-label", describe(groups));
    Axes.write(html, x, y, xLabel, WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM);
    for (Dot d : dots) {
      String cx = Numbers.at(x.at(d.x()));
      String cy = Numbers.at(y.at(d.y()));
      html.open("g", "class", "hit").element("title", d.group() + ", " + d.about() + "\n" + yLabel + " " + Numbers.brief(d.y()) + ", "
          + xLabel + " " + Numbers.brief(d.x()) + (d.ringed() ? "\nbest of " + d.group() : ""));
      if (d.ringed()) {
        html.empty("circle", "class", "ring " + d.style(), "cx", cx, "cy", cy, "r", "8");
      }
      html.empty("circle", "class", "spot " + d.style(), "cx", cx, "cy", cy, "r", "4").close();
    }
    html.close().close();
  }

  private String describe(Map<String, String> groups) {
    StringBuilder text = new StringBuilder(title).append(": ").append(yLabel).append(" over ").append(xLabel).append('.');
    for (String group : groups.keySet()) {
      List<Dot> own = dots.stream().filter(d -> d.group().equals(group)).toList();
      text.append(' ').append(group).append(": ").append(own.size()).append(own.size() == 1 ? " trial" : " trials");
      own.stream().filter(Dot::ringed).findFirst().ifPresent(d -> text.append(", best ").append(Numbers.brief(d.y())));
      text.append('.');
    }
    return text.toString();
  }
}
