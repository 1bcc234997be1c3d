// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.report.Metrics.Point;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a change of one setting does: {@code ablation.SETTING.VALUE} holds figures, in objects of any depth. A setting with
 * numbers as values is drawn as a line, any other as bars.
 */
final class AblationSection {
  private AblationSection() {}

  static void write(Html html, RunFiles run) {
    JsonNode ablation = run.results().path("ablation");
    if (ablation.isEmpty()) {
      return;
    }
    html.open("div", "class", "figures");
    ablation.properties().forEach(setting -> {
      Map<String, Map<String, Estimate>> figures = new LinkedHashMap<>();
      setting.getValue().properties().forEach(value -> collect(value.getValue(), "", value.getKey(), figures));
      boolean numeric = figures.values().stream().flatMap(f -> f.keySet().stream()).allMatch(AblationSection::isNumber);
      figures.forEach((figure, values) -> {
        String title = words(setting.getKey());
        if (numeric && values.size() > 1) {
          line(html, title, figure, values);
        } else {
          BarChart chart = new BarChart(title, words(figure));
          values.forEach((value, e) -> chart.bar(value, "", "c-plain", e, Numbers.brief(e.mean())));
          chart.write(html);
        }
      });
    });
    html.close();
  }

  private static void collect(JsonNode node, String path, String value, Map<String, Map<String, Estimate>> figures) {
    Estimate estimate = Estimate.of(node);
    if (estimate != null) {
      figures.computeIfAbsent(path, p -> new LinkedHashMap<>()).put(value, estimate);
      return;
    }
    node.properties().forEach(f -> collect(f.getValue(), path.isEmpty() ? f.getKey() : path + ", " + f.getKey(), value, figures));
  }

  private static void line(Html html, String title, String figure, Map<String, Estimate> values) {
    List<Point> points = new ArrayList<>();
    values.forEach((value, e) -> points.add(new Point(Double.parseDouble(value), e.mean(),
        e.hasInterval() ? (e.high() - e.low()) / 2 : Double.NaN)));
    points.sort(java.util.Comparator.comparingDouble(Point::x));
    boolean band = points.stream().anyMatch(p -> !Double.isNaN(p.spread()));
    new LineChart(title, words(figure) + (band ? ", band: half the 95 % interval’s width" : ""), title)
        .line(words(figure), "c-plain", points).write(html);
  }

  private static String words(String key) {
    return key.replace('_', ' ');
  }

  private static boolean isNumber(String value) {
    try {
      return Double.isFinite(Double.parseDouble(value));
    } catch (NumberFormatException e) {
      return false;
    }
  }
}
