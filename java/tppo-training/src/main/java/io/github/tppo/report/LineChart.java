// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import io.github.tppo.report.Metrics.Point;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** Lines over a common axis, each with a band or intervals if its points have such. Lines without a point are left out. */
final class LineChart {
  private static final int WIDTH = 360;
  private static final int HEIGHT = 210;
  private static final int LEFT = 44;
  private static final int RIGHT = 10;
  private static final int TOP = 10;
  private static final int BOTTOM = 36;
  /** Lines of no more points than this show each of them. */
  private static final int FEW = 25;

  private record Line(String label, String style, List<Point> points, boolean intervals) {

    boolean dots() {
      return intervals || points.size() <= FEW;
    }
  }

  private record Reference(double at, String label, boolean vertical) {}

  private final String title;
  private final String note;
  private final String xLabel;
  private final List<Line> lines = new ArrayList<>();
  private final List<Reference> references = new ArrayList<>();
  private double least = Double.NaN;
  private double most = Double.NaN;

  /** @param note what is measured, in a few words; may be empty */
  LineChart(String title, String note, String xLabel) {
    this.title = title;
    this.note = note;
    this.xLabel = xLabel;
  }

  /** Adds a line in the colour of a style class, with a band where its points have one. */
  LineChart line(String label, String style, List<Point> points) {
    return add(label, style, points, false);
  }

  /** Adds a line through measured points, each with its interval. */
  LineChart measured(String label, String style, List<Point> points) {
    return add(label, style, points, true);
  }

  private LineChart add(String label, String style, List<Point> points, boolean intervals) {
    if (!points.isEmpty()) {
      lines.add(new Line(label, style, points, intervals));
    }
    return this;
  }

  /** Adds a dashed horizontal line. */
  LineChart reference(double y, String label) {
    if (Double.isFinite(y)) {
      references.add(new Reference(y, label, false));
    }
    return this;
  }

  /** Adds a dashed vertical line. */
  LineChart mark(double x, String label) {
    if (Double.isFinite(x)) {
      references.add(new Reference(x, label, true));
    }
    return this;
  }

  /** Values that the vertical axis shows in any case; NaN for none. */
  LineChart atLeast(double low, double high) {
    least = low;
    most = high;
    return this;
  }

  boolean isEmpty() {
    return lines.isEmpty();
  }

  /** Writes the figure; nothing when it has no line. */
  void write(Html html) {
    if (lines.isEmpty()) {
      return;
    }
    Scale x = xScale();
    Scale y = yScale();
    html.open("figure", "class", "chart lines");
    caption(html, title, note);
    if (lines.size() > 1) {
      html.open("p", "class", "legend");
      lines.forEach(l -> html.open("span", "class", l.style()).empty("i").text(l.label()).close());
      html.close();
    }
    html.open("svg", "viewBox", "0 0 " + WIDTH + " " + HEIGHT, "role", "img", "aria-label", describe());
    Axes.write(html, x, y, xLabel, WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM);
    for (Reference r : references) {
      reference(html, r, x, y);
    }
    lines.forEach(l -> band(html, l, x, y));
    lines.forEach(l -> curve(html, l, x, y));
    references.forEach(r -> label(html, r, x, y));
    hits(html, x);
    html.close().close();
  }

  /** The heading of a figure. */
  static void caption(Html html, String title, String note) {
    html.open("figcaption").element("b", title);
    if (!note.isEmpty()) {
      html.text(" ").element("span", note);
    }
    html.close();
  }

  private Scale xScale() {
    double low = lines.stream().flatMap(l -> l.points().stream()).mapToDouble(Point::x).min().orElse(0);
    double high = lines.stream().flatMap(l -> l.points().stream()).mapToDouble(Point::x).max().orElse(1);
    for (Reference r : references) {
      low = r.vertical() ? Math.min(low, r.at()) : low;
      high = r.vertical() ? Math.max(high, r.at()) : high;
    }
    return Scale.exact(low, high, LEFT + 4, WIDTH - RIGHT - 4, 5);
  }

  private Scale yScale() {
    double low = Double.isNaN(least) ? Double.POSITIVE_INFINITY : least;
    double high = Double.isNaN(most) ? Double.NEGATIVE_INFINITY : most;
    for (Line line : lines) {
      for (Point p : line.points()) {
        low = Math.min(low, p.hasBand() ? Math.min(p.low(), p.y()) : p.y());
        high = Math.max(high, p.hasBand() ? Math.max(p.high(), p.y()) : p.y());
      }
    }
    for (Reference r : references) {
      if (!r.vertical()) {
        low = Math.min(low, r.at());
        high = Math.max(high, r.at());
      }
    }
    return Scale.round(low, high, HEIGHT - BOTTOM, TOP, 5);
  }

  private static void reference(Html html, Reference r, Scale x, Scale y) {
    String at = Numbers.at(r.vertical() ? x.at(r.at()) : y.at(r.at()));
    if (r.vertical()) {
      html.empty("line", "class", "reference", "x1", at, "x2", at, "y1", "" + TOP, "y2", "" + (HEIGHT - BOTTOM));
    } else {
      html.empty("line", "class", "reference", "x1", "" + LEFT, "x2", "" + (WIDTH - RIGHT), "y1", at, "y2", at);
    }
  }

  private static void label(Html html, Reference r, Scale x, Scale y) {
    if (r.vertical()) {
      boolean right = x.at(r.at()) > WIDTH * 0.6;
      html.element("text", r.label(), "class", "tick note", "x", Numbers.at(x.at(r.at()) + (right ? -5 : 5)), "y", "" + (TOP + 10),
          "text-anchor", right ? "end" : "start");
    } else {
      double at = y.at(r.at());
      html.element("text", r.label(), "class", "tick note", "x", "" + (WIDTH - RIGHT),
          "y", Numbers.at(at < TOP + 14 ? at + 13 : at - 5), "text-anchor", "end");
    }
  }

  private static void band(Html html, Line line, Scale x, Scale y) {
    List<Point> points = line.points().stream().filter(Point::hasBand).toList();
    if (line.intervals() || points.size() < 2) {
      return;
    }
    StringBuilder path = new StringBuilder();
    for (Point p : points) {
      path.append(path.isEmpty() ? 'M' : 'L').append(pair(x.at(p.x()), y.at(p.high())));
    }
    for (int i = points.size() - 1; i >= 0; i--) {
      Point p = points.get(i);
      path.append('L').append(pair(x.at(p.x()), y.at(p.low())));
    }
    html.empty("path", "class", "band " + line.style(), "d", path.append('Z').toString());
  }

  private static void curve(Html html, Line line, Scale x, Scale y) {
    StringBuilder path = new StringBuilder();
    for (Point p : line.points()) {
      path.append(path.isEmpty() ? 'M' : 'L').append(pair(x.at(p.x()), y.at(p.y())));
    }
    html.empty("path", "class", "curve " + line.style(), "d", path.toString());
    if (line.intervals()) {
      StringBuilder whiskers = new StringBuilder();
      line.points().stream().filter(Point::hasBand).forEach(p -> whiskers.append('M').append(pair(x.at(p.x()), y.at(p.low())))
          .append('V').append(Numbers.at(y.at(p.high()))));
      if (!whiskers.isEmpty()) {
        html.empty("path", "class", "interval " + line.style(), "d", whiskers.toString());
      }
    }
    if (line.dots()) {
      for (Point p : line.points()) {
        html.empty("circle", "class", "dot " + line.style(), "cx", Numbers.at(x.at(p.x())),
            "cy", Numbers.at(y.at(p.y())), "r", line.intervals() ? "3.5" : "2.5");
      }
    }
  }

  private static String pair(double x, double y) {
    return Numbers.at(x) + " " + Numbers.at(y);
  }

  /** Invisible columns whose titles tell the values at a position. */
  private void hits(Html html, Scale x) {
    TreeMap<Double, StringBuilder> texts = new TreeMap<>();
    for (Line line : lines) {
      for (Point p : line.points()) {
        StringBuilder text = texts.computeIfAbsent(p.x(), at -> new StringBuilder(xLabel + " " + Numbers.brief(at)));
        text.append('\n').append(lines.size() > 1 ? line.label() + ": " : "").append(Numbers.brief(p.y()));
        if (p.hasBand()) {
          text.append(" (").append(Numbers.brief(p.low())).append(" to ").append(Numbers.brief(p.high())).append(')');
        }
      }
    }
    List<Double> at = new ArrayList<>(texts.keySet());
    for (int i = 0; i < at.size(); i++) {
      double left = i == 0 ? LEFT : x.at((at.get(i - 1) + at.get(i)) / 2);
      double right = i == at.size() - 1 ? WIDTH - RIGHT : x.at((at.get(i) + at.get(i + 1)) / 2);
      html.open("g", "class", "hit").element("title", texts.get(at.get(i)).toString());
      html.empty("rect", "x", Numbers.at(left), "y", "" + TOP, "width", Numbers.at(right - left), "height", "" + (HEIGHT - BOTTOM - TOP));
      String middle = Numbers.at(x.at(at.get(i)));
      html.empty("line", "x1", middle, "x2", middle, "y1", "" + TOP, "y2", "" + (HEIGHT - BOTTOM)).close();
    }
  }

  /** What a person who cannot see the figure is told. */
  private String describe() {
    StringBuilder text = new StringBuilder(title).append(" over ").append(xLabel).append('.');
    for (Line line : lines) {
      Point first = line.points().get(0);
      Point last = line.points().get(line.points().size() - 1);
      text.append(' ').append(line.label()).append(": from ").append(Numbers.brief(first.y())).append(" to ")
          .append(Numbers.brief(last.y())).append('.');
    }
    return text.toString();
  }
}
