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
      results.path("relevance_rate").properties().forEach(template -> {
        out.println("relevance rate, " + words(template.getKey()) + " (95 % interval" + overSeeds(results) + "):");
        template.getValue().properties().forEach(model -> out.println("  " + figure(model.getKey(), "%6.2f", model.getValue())));
      });
      out.print(differences(results));
      results.path("reward_model").properties().forEach(model -> {
        JsonNode auc = model.getValue().path("auc_weighted");
        if (auc.isNumber()) {
          out.println(String.format(Locale.ROOT, "%s reward model, weighted AUC on validation users: %.3f", model.getKey(), auc.asDouble()));
        }
      });
    }
    if (Files.exists(folder.reportFile())) {
      out.println("report: " + folder.reportFile());
    }
  }

  /** TPPO against each of the others, and each arm against the policy that it began as. */
  private static String differences(JsonNode results) {
    StringBuilder text = new StringBuilder();
    results.path("difference").properties().forEach(pair -> {
      String name = pair.getKey();
      if (name.startsWith("tppo_minus_") || name.endsWith("_minus_sft")) {
        text.append("  ").append(figure(name.replace("_minus_", " - "), "%+6.2f", pair.getValue().path("token_template")))
            .append(versus(results.path("pairwise").path(name.replace("_minus_", "_vs_")))).append(System.lineSeparator());
      }
    });
    return text.isEmpty() ? "" : "difference, token template, in points (95 % interval), and answers won, tied, lost in %:"
        + System.lineSeparator() + text;
  }

  private static String versus(JsonNode pair) {
    return pair.isMissingNode() ? "" : String.format(Locale.ROOT, "  %.1f / %.1f / %.1f", pair.path("win").asDouble(),
        pair.path("tie").asDouble(), pair.path("lose").asDouble());
  }

  private static String overSeeds(JsonNode results) {
    int seeds = results.path("seeds").size();
    return seeds > 1 ? " over " + seeds + " seeds" : "";
  }

  private static String words(String key) {
    return key.replace('_', ' ');
  }

  private static String figure(String name, String format, JsonNode value) {
    JsonNode interval = value.path("ci95");
    String mean = String.format(Locale.ROOT, "%-16s " + format, name, value.path("mean").asDouble(Double.NaN));
    return interval.size() != 2 ? mean
        : mean + String.format(Locale.ROOT, "  [%.2f, %.2f]", interval.get(0).asDouble(), interval.get(1).asDouble());
  }
}
