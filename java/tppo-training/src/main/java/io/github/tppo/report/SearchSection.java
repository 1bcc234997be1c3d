// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The search for each method's setting on validation users: {@code search/record.jsonl}, a trial a line. */
final class SearchSection {
  private static final String[][] FIGURES = {{"token_template", "relevant words, %"}, {"sentence_template", "relevant answers, %"},
      {"kl", "KL"}, {"mean_tokens", "mean length, tokens"}, {"right_count", "right number of queries"}};

  private SearchSection() {}

  static void write(Html html, RunFiles run) throws IOException {
    List<JsonNode> trials = run.lines("search/record.jsonl");
    Map<String, List<JsonNode>> methods = new LinkedHashMap<>();
    Models.sorted(trials.stream().map(t -> t.path("method").asText()).distinct().toList()).forEach(m -> methods.put(m, new ArrayList<>()));
    trials.forEach(t -> methods.get(t.path("method").asText()).add(t));
    if (trials.isEmpty()) {
      return;
    }
    html.element("p", "Settings of each method, tried on validation users, who are neither trained on nor held out. The score is "
        + "the mean of the two relevance rates; the ringed trial of a method is its best.");
    Table best = new Table("Best of", "trials", "score", "relevant words, %", "relevant answers, %", "KL", "setting");
    methods.forEach((method, list) -> {
      JsonNode top = best(list);
      best.row(Models.label(method), Table.count(list.size()), number(top, "score"), number(top, "token_template"),
          number(top, "sentence_template"), number(top, "kl"), Table.text(overrides(top)));
    });
    best.write(html);
    html.figures(figures -> {
      scatter(methods, "Score of each trial", "validation users", "trial", "trial").write(figures);
      scatter(methods, "Score against KL", "far from the SFT policy is not better by itself", "kl", "KL from the SFT policy")
          .write(figures);
      scatter(methods, "Score against length", "", "mean_tokens", "mean length, tokens").write(figures);
    });
    html.open("details").element("summary", "All " + Numbers.count(trials.size()) + " trials");
    table(html, methods);
    html.close();
  }

  private static JsonNode best(List<JsonNode> trials) {
    JsonNode best = trials.get(0);
    for (JsonNode trial : trials) {
      if (!(Numbers.of(trial.path("score")) <= Numbers.of(best.path("score")))) {
        best = Double.isNaN(Numbers.of(trial.path("score"))) ? best : trial;
      }
    }
    return best;
  }

  private static ScatterChart scatter(Map<String, List<JsonNode>> methods, String title, String note, String key, String label) {
    ScatterChart chart = new ScatterChart(title, note, label, "score");
    methods.forEach((method, trials) -> {
      JsonNode best = best(trials);
      for (JsonNode t : trials) {
        chart.dot(Models.label(method), Models.style(method), Numbers.of(t.path(key)), Numbers.of(t.path("score")),
            "trial " + t.path("trial").asText() + ", " + overrides(t), t == best);
      }
    });
    return chart;
  }

  private static void table(Html html, Map<String, List<JsonNode>> methods) {
    List<String> heads = new ArrayList<>(List.of("Trial", "score"));
    for (String[] figure : FIGURES) {
      heads.add(figure[1]);
    }
    heads.add("time");
    heads.add("setting");
    Table table = new Table(heads.toArray(String[]::new));
    methods.forEach((method, trials) -> {
      JsonNode best = best(trials);
      for (JsonNode t : trials) {
        List<Table.Cell> cells = new ArrayList<>(List.of(number(t, "score")));
        for (String[] figure : FIGURES) {
          cells.add(figure[0].equals("right_count") ? Table.percent(Numbers.of(t.path(figure[0]))) : number(t, figure[0]));
        }
        double seconds = Numbers.of(t.path("seconds"));
        cells.add(Table.number(seconds, Double.isNaN(seconds) ? "–" : Numbers.duration(seconds)));
        cells.add(Table.text(overrides(t)));
        table.row(Models.label(method) + " " + t.path("trial").asText() + (t == best ? ", best" : ""), cells.toArray(Table.Cell[]::new));
      }
    });
    table.write(html);
  }

  private static Table.Cell number(JsonNode trial, String name) {
    double value = Numbers.of(trial.path(name));
    return Table.number(value, Numbers.fixed(value, 2));
  }

  private static String overrides(JsonNode trial) {
    List<String> all = new ArrayList<>();
    trial.path("overrides").forEach(o -> all.add(o.asText()));
    return all.isEmpty() ? "as configured" : String.join(" ", all);
  }
}
