// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.report.Metrics.Point;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class MetricsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static List<JsonNode> run(double... values) {
    List<JsonNode> steps = new ArrayList<>();
    for (int i = 0; i < values.length; i++) {
      steps.add(JSON.createObjectNode().put("step", i + 1).put("score", values[i]).put("sd", 0.5));
    }
    return steps;
  }

  @Test
  void seedsAreAveragedAsFarAsTheyCame() {
    Metrics metrics = new Metrics(List.of(run(1, 2), run(3, 6, 7)));
    assertEquals(List.of(new Point(1, 2, 1, 3), new Point(2, 4, 2, 6), new Point(3, 7, 7, 7)), metrics.series("score"));
    assertEquals(List.of(new Point(1, 2, 1.5, 2.5), new Point(2, 4, 3.5, 4.5), new Point(3, 7, 6.5, 7.5)), metrics.series("score", "sd"));
  }

  @Test
  void oneRunHasNoBandOfItsOwn() {
    Metrics metrics = new Metrics(List.of(run(1, 2)));
    assertFalse(metrics.series("score").get(0).hasBand());
    assertEquals(new Point(2, 2, 1.5, 2.5), metrics.series("score", "sd").get(1));
    assertEquals(List.of(), metrics.series("other"));
  }

  @Test
  void longSeriesKeepTheirMean() {
    double[] values = new double[1000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    List<Point> points = new Metrics(List.of(run(values))).series("score");
    assertEquals(120, points.size());
    assertEquals(499.5, points.stream().mapToDouble(Point::y).average().orElseThrow(), 1);
  }

  @Test
  void aSeriesMayBeTakenRelativeToTheFirstStepOfItsOwnRun() {
    Metrics metrics = new Metrics(List.of(run(1, 2), run(3, 6)));
    assertEquals(new Point(2, 2, 1, 3), metrics.series((first, step) ->
        step.path("score").asDouble() - first.path("score").asDouble()).get(1));
  }
}
