// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.util.Locale;

/** The headline figures of {@code results.json} and where the report is, as a few lines of text. */
final class ResultsSummary {
  private ResultsSummary() {}

  static void print(RunFolder folder, PrintWriter out) throws IOException {
    if (Files.exists(folder.resultsFile())) {
      JsonNode results = new ObjectMapper().readTree(Files.readString(folder.resultsFile()));
      results.path("relevance_rate").fields().forEachRemaining(template -> {
        out.println("relevance rate, " + template.getKey().replace('_', ' ') + " (95 % interval):");
        template.getValue().fields().forEachRemaining(model -> out.println("  " + figure(model.getKey(), model.getValue())));
      });
      JsonNode auc = results.path("reward_model").path("token").path("auc_weighted");
      if (auc.isNumber()) {
        out.println(String.format(Locale.ROOT, "reward model, weighted AUC on held-out users: %.3f", auc.asDouble()));
      }
    }
    if (Files.exists(folder.reportFile())) {
      out.println("report: " + folder.reportFile());
    }
  }

  private static String figure(String model, JsonNode value) {
    JsonNode interval = value.path("ci95");
    String mean = String.format(Locale.ROOT, "%-8s %6.2f", model, value.path("mean").asDouble(Double.NaN));
    return interval.size() != 2 ? mean
        : mean + String.format(Locale.ROOT, "  [%.2f, %.2f]", interval.get(0).asDouble(), interval.get(1).asDouble());
  }
}
