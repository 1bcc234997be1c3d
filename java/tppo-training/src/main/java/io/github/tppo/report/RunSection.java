// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;

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
      Estimate s = Estimate.of(e.getValue());
      if (s != null) {
        time.bar(e.getKey(), "", "c-plain", s, Numbers.duration(s.mean()));
      }
    });
    time.write(html);
    BarChart tokens = new BarChart("Speed", "tokens a second");
    speed.properties().forEach(e -> {
      Estimate s = Estimate.of(e.getValue());
      if (s != null) {
        tokens.bar(Numbers.words(e.getKey()), "", "c-plain", s, Numbers.count(s.mean()));
      }
    });
    tokens.write(html);
    html.close();
  }

  /** The resolved configuration. */
  static void configuration(Html html, RunFiles run) throws IOException {
    if (run.config().isObject()) {
      html.open("details").element("summary", "config.json");
      html.element("pre", run.config().toPrettyString()).close();
    }
  }
}
