// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The form of each model's answers, where a gamed reward shows first. */
final class FormSection {
  private static final String TOKENS = "mean_tokens";
  /** Column heads of the known figures; all but the length are shares. Unknown ones follow under their own names. */
  private static final Map<String, String> HEADS = new LinkedHashMap<>();

  static {
    HEADS.put("right_count", "right number of queries");
    HEADS.put("finished", "ended by itself");
    HEADS.put(TOKENS, "mean length, tokens");
    HEADS.put("duplicate_queries", "queries that repeat another");
    HEADS.put("repeated_words", "words repeated within a query");
    HEADS.put("distinct_answers", "distinct answers");
    HEADS.put("words_in_history", "words from the history");
    HEADS.put("novelty", "words new to the history");
  }

  private FormSection() {}

  static void write(Html html, RunFiles run) {
    JsonNode form = run.results().path("form");
    Set<String> present = new TreeSet<>();
    form.forEach(model -> model.fieldNames().forEachRemaining(present::add));
    List<String> columns = new ArrayList<>(HEADS.keySet());
    columns.retainAll(present);
    present.stream().filter(c -> !HEADS.containsKey(c)).forEach(columns::add);
    List<String> heads = new ArrayList<>(List.of("Answers of"));
    columns.forEach(c -> heads.add(HEADS.getOrDefault(c, Numbers.words(c))));
    Table table = new Table(heads.toArray(String[]::new));
    List<String> names = new ArrayList<>();
    form.fieldNames().forEachRemaining(names::add);
    for (String name : Models.sorted(names)) {
      table.row(Models.label(name), columns.stream().map(c -> cell(c, form.path(name).path(c))).toArray(Table.Cell[]::new));
    }
    table.write(html);
  }

  private static Table.Cell cell(String figure, JsonNode node) {
    Estimate e = Estimate.of(node);
    if (e == null || figure.equals(TOKENS) && e.mean() == 0) { // a baseline without a model has no tokens
      return Table.text("–");
    }
    if (figure.equals(TOKENS)) {
      return Table.number(e.mean(), Numbers.fixed(e.mean(), 1));
    }
    return HEADS.containsKey(figure) ? Table.percent(e.mean()) : Table.number(e.mean(), Numbers.brief(e.mean()));
  }
}
