// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/** Where the time went, and the configuration that makes the run again. */
final class RunSection {
  private RunSection() {}

  /** Seconds of each stage and speed in tokens. */
  static void timing(Html html, RunFiles run) {
    JsonNode seconds = run.results().path("timing_s");
    JsonNode speed = run.results().path("tokens_per_s");
    if (seconds.isEmpty() && speed.isEmpty()) {
      return;
    }
    html.open("div", "class", "figures");
    BarChart time = new BarChart("Time by stage", "");
    seconds.properties().forEach(e -> {
      if (e.getValue().isNumber()) {
        double s = e.getValue().asDouble();
        time.bar(e.getKey(), "", "c-plain", new Estimate(s, Double.NaN, Double.NaN, List.of()), Numbers.duration(s));
      }
    });
    time.write(html);
    BarChart tokens = new BarChart("Speed", "tokens a second");
    speed.properties().forEach(e -> tokens.bar(e.getKey().replace('_', ' '), "", "c-plain", Estimate.of(e.getValue()),
        Numbers.count(e.getValue().asDouble())));
    tokens.write(html);
    html.close();
  }

  /** The resolved configuration. */
  static void configuration(Html html, RunFiles run) {
    if (run.config().isObject()) {
      html.open("details").element("summary", "config.json");
      html.element("pre", run.config().toPrettyString()).close();
    }
  }
}
