// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** The form of each model's answers, where a gamed reward shows first. */
final class FormSection {
  private FormSection() {}

  static void write(Html html, RunFiles run) {
    JsonNode form = run.results().path("form");
    Table table = new Table("Answers of", "right number of queries", "ended by itself", "mean length, tokens",
        "queries that repeat another", "distinct answers", "words from the history");
    List<String> names = new ArrayList<>();
    form.fieldNames().forEachRemaining(names::add);
    for (String name : Models.sorted(names)) {
      JsonNode f = form.path(name);
      double tokens = Numbers.of(f.path("mean_tokens"));
      table.row(Models.label(name), share(f, "right_count"), share(f, "finished"),
          tokens > 0 ? Table.number(tokens, Numbers.fixed(tokens, 1)) : Table.text("–"), share(f, "duplicate_queries"),
          share(f, "distinct_answers"), share(f, "words_in_history"));
    }
    table.write(html);
  }

  private static Table.Cell share(JsonNode form, String name) {
    return Table.percent(Numbers.of(form.path(name)));
  }
}
