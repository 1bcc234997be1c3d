// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** The metrics of a stage, one object a step. */
record Metrics(List<JsonNode> steps) {
  /** More points than this cannot be told apart in a figure; neighbours are averaged. */
  private static final int MOST_POINTS = 120;

  /** One value of a series; {@code spread} is half the height of its band, NaN without one. */
  record Point(double x, double y, double spread) {}

  boolean isEmpty() {
    return steps.isEmpty();
  }

  /** The series of a name, steps without a value left out. */
  List<Point> series(String name) {
    return series(name, null);
  }

  /** The series of a name with a band given by another name. */
  List<Point> series(String name, String spread) {
    List<Point> points = new ArrayList<>();
    for (JsonNode step : steps) {
      double y = Numbers.of(step.path(name));
      if (!Double.isNaN(y)) {
        points.add(new Point(step.path("step").asDouble(), y, spread == null ? Double.NaN : Numbers.of(step.path(spread))));
      }
    }
    return thinned(points);
  }

  private static List<Point> thinned(List<Point> points) {
    if (points.size() <= MOST_POINTS) {
      return points;
    }
    List<Point> out = new ArrayList<>();
    for (int i = 0; i < MOST_POINTS; i++) {
      int from = (int) ((long) i * points.size() / MOST_POINTS);
      int to = (int) ((long) (i + 1) * points.size() / MOST_POINTS);
      List<Point> part = points.subList(from, to);
      out.add(new Point(mean(part, Point::x), mean(part, Point::y), mean(part, Point::spread)));
    }
    return out;
  }

  private static double mean(List<Point> points, java.util.function.ToDoubleFunction<Point> of) {
    return points.stream().mapToDouble(of).average().orElse(Double.NaN);
  }
}
