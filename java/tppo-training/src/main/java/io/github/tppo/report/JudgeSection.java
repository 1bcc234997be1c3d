// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.report.StackedBars.Part;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The judge: what it labelled, how much of it is relevant, what was set aside, what it cost, and its templates. */
final class JudgeSection {
  /** What the first table shows; every other number of the file is shown as it is called there. */
  private static final Set<String> SHOWN = Set.of("judge", "labelled", "rejected", "asked", "class_tokens", "class_shares",
      "words_scored", "words_relevant_percent", "sentences_relevant_percent", "seconds", "template_sha256");

  private final Table labels = new Table("Template", "judge", "labelled", "set aside", "questions asked", "words scored",
      "words relevant", "answers relevant", "time");
  private final StackedBars classes = new StackedBars("Classes of the response tokens", "labels for the reward model, %");
  private final Map<String, Map<String, Double>> extra = new LinkedHashMap<>();
  private final Map<String, Set<String>> hashes = new LinkedHashMap<>();

  private JudgeSection() {}

  static void write(Html html, RunFiles run) throws IOException {
    JudgeSection section = new JudgeSection();
    for (RunFiles each : run.runs()) {
      String suffix = each.seed().isEmpty() ? "" : ", seed " + each.seed();
      each.tree("labels/stats.json").properties().forEach(e -> {
        if (e.getValue().isObject()) {
          section.template(e.getKey() + suffix, e.getValue());
          section.hash(e.getKey(), e.getValue().path("template_sha256"));
        }
      });
    }
    section.labels.write(html);
    html.figures(section.classes::write);
    section.extra(html);
    JsonNode judge = run.results().path("judge");
    judge.path("templates").properties().forEach(t -> section.hash(t.getKey(), t.getValue()));
    judge(html, judge);
    Table templates = new Table("Template", "SHA-256 of its text");
    section.hashes.forEach((name, all) -> templates.row(name, Table.text(String.join(", ", all))));
    templates.write(html);
  }

  /** Seeds that were labelled with one template have one hash. */
  private void hash(String template, JsonNode sha256) {
    if (!sha256.asText().isEmpty()) {
      hashes.computeIfAbsent(template, t -> new LinkedHashSet<>()).add(sha256.asText());
    }
  }

  private void template(String name, JsonNode s) {
    double aside = 0;
    StringBuilder reasons = new StringBuilder();
    for (Map.Entry<String, JsonNode> reason : s.path("rejected").properties()) {
      aside += reason.getValue().asDouble();
      reasons.append(reasons.isEmpty() ? " (" : ", ").append(Numbers.words(reason.getKey())).append(' ')
          .append(Numbers.count(reason.getValue().asDouble()));
    }
    labels.row(name, Table.text(s.path("judge").asText()), Table.count(s.path("labelled").asDouble()),
        Table.number(aside, Numbers.count(aside) + (reasons.isEmpty() ? "" : reasons + ")")),
        Table.count(s.path("asked").asDouble()), Table.count(s.path("words_scored").asDouble()),
        Table.percent(s.path("words_relevant_percent").asDouble() / 100),
        Table.percent(s.path("sentences_relevant_percent").asDouble() / 100),
        Table.number(s.path("seconds").asDouble(), Numbers.duration(s.path("seconds").asDouble())));
    JsonNode tokens = s.path("class_tokens");
    double all = tokens.path(0).asDouble() + tokens.path(1).asDouble() + tokens.path(2).asDouble();
    if (tokens.size() == 3) {
      classes.bar(name, Numbers.count(all) + " tokens", List.of(part("relevant", "c-relevant", tokens.path(2).asDouble(), all),
          part("irrelevant", "c-irrelevant", tokens.path(1).asDouble(), all), part("no word", "tie", tokens.path(0).asDouble(), all)));
    }
    Map<String, Double> numbers = new LinkedHashMap<>();
    s.properties().stream().filter(e -> !SHOWN.contains(e.getKey()))
        .forEach(e -> flatten(Numbers.words(e.getKey()), e.getValue(), numbers));
    numbers.forEach((key, value) -> extra.computeIfAbsent(key, k -> new LinkedHashMap<>()).put(name, value));
  }

  private static void flatten(String name, JsonNode node, Map<String, Double> numbers) {
    if (node.isNumber()) {
      numbers.put(name, node.asDouble());
    }
    node.properties().forEach(e -> flatten(name + ", " + Numbers.words(e.getKey()), e.getValue(), numbers));
  }

  private static Part part(String label, String style, double value, double all) {
    return new Part(label, style, value, Numbers.fixed(all == 0 ? 0 : 100 * value / all, 1));
  }

  /** Requests, tokens, retries and whatever else a judge counts. */
  private void extra(Html html) {
    List<String> names = extra.values().stream().flatMap(v -> v.keySet().stream()).distinct().toList();
    List<String> heads = new ArrayList<>(List.of("Asking the judge"));
    heads.addAll(names);
    Table table = new Table(heads.toArray(String[]::new));
    extra.values().removeIf(values -> values.values().stream().allMatch(v -> v == 0)); // nothing was asked of a server
    extra.forEach((key, values) -> table.row(key,
        names.stream().map(n -> number(values.getOrDefault(n, Double.NaN))).toArray(Table.Cell[]::new)));
    table.write(html);
  }

  private static Table.Cell number(double value) {
    return Double.isNaN(value) ? Table.text("–") : value == Math.rint(value) ? Table.count(value)
        : Table.number(value, Numbers.brief(value));
  }

  /** The judge of the evaluation: its name and its counts. */
  private static void judge(Html html, JsonNode judge) {
    if (judge.isEmpty()) {
      return;
    }
    Table table = new Table("Judge of the evaluation", "");
    if (judge.path("name").isTextual()) {
      table.row("name", Table.text(judge.path("name").asText()));
    }
    Map<String, Double> numbers = new LinkedHashMap<>();
    judge.properties().forEach(e -> flatten(Numbers.words(e.getKey()), e.getValue(), numbers));
    numbers.values().removeIf(value -> value == 0); // nothing was asked of a server
    numbers.forEach((key, value) -> table.row(key, number(value)));
    table.write(html);
  }
}
