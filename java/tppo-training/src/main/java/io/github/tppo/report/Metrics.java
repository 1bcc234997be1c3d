// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.ToDoubleBiFunction;
import java.util.function.ToDoubleFunction;

/**
 * The metrics of a stage over its steps, in one run or in several that differ in their seed.
 *
 * @param runs one object a step, of each run that has any
 */
record Metrics(List<List<JsonNode>> runs) {
  /** More points than this cannot be told apart in a figure; neighbours are averaged. */
  private static final int MOST_POINTS = 120;

  /** One value of a series; {@code low} and {@code high} bound its band or interval, NaN without one. */
  record Point(double x, double y, double low, double high) {

    static Point of(double x, double y) {
      return new Point(x, y, Double.NaN, Double.NaN);
    }

    static Point of(double x, Estimate e) {
      return new Point(x, e.mean(), e.low(), e.high());
    }

    boolean hasBand() {
      return !Double.isNaN(low) && !Double.isNaN(high);
    }
  }

  boolean isEmpty() {
    return runs.isEmpty();
  }

  /** All names that begin with a prefix. */
  List<String> names(String prefix) {
    TreeSet<String> names = new TreeSet<>();
    runs.forEach(run -> run.forEach(step -> step.fieldNames().forEachRemaining(names::add)));
    names.removeIf(n -> !n.startsWith(prefix));
    return List.copyOf(names);
  }

  /**
   * The series of a name, steps without a value left out: the mean of the runs that came so far, and from the lowest to the
   * highest of them as a band where there are several.
   */
  List<Point> series(String name) {
    return series((first, step) -> Numbers.of(step.path(name)));
  }

  /** The series of something that is computed from the first step of a run and each of its steps. */
  List<Point> series(ToDoubleBiFunction<JsonNode, JsonNode> of) {
    return thinned(points(of));
  }

  /** The mean of the runs with a band of one standard deviation, given by another name, to either side. */
  List<Point> series(String name, String deviation) {
    Map<Double, Double> deviations = new TreeMap<>();
    points((first, step) -> Numbers.of(step.path(deviation))).forEach(p -> deviations.put(p.x(), p.y()));
    return thinned(points((first, step) -> Numbers.of(step.path(name))).stream().map(p -> {
      double sd = deviations.getOrDefault(p.x(), Double.NaN);
      return new Point(p.x(), p.y(), p.y() - sd, p.y() + sd);
    }).toList());
  }

  private List<Point> points(ToDoubleBiFunction<JsonNode, JsonNode> of) {
    Map<Double, DoubleSummaryStatistics> steps = new TreeMap<>();
    for (List<JsonNode> run : runs) {
      for (JsonNode step : run) {
        double y = of.applyAsDouble(run.get(0), step);
        if (Double.isFinite(y)) {
          steps.computeIfAbsent(step.path("step").asDouble(), s -> new DoubleSummaryStatistics()).accept(y);
        }
      }
    }
    List<Point> points = new ArrayList<>();
    steps.forEach((x, y) -> points.add(runs.size() == 1 ? Point.of(x, y.getAverage())
        : new Point(x, y.getAverage(), y.getMin(), y.getMax())));
    return points;
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
      out.add(new Point(mean(part, Point::x), mean(part, Point::y), mean(part, Point::low), mean(part, Point::high)));
    }
    return out;
  }

  private static double mean(List<Point> points, ToDoubleFunction<Point> of) {
    return points.stream().mapToDouble(of).average().orElse(Double.NaN);
  }
}
