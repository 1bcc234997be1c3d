// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.report.Metrics.Point;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * What a change of one setting does: {@code ablation.SETTING.VALUE} of the results, and the training curves of the policies
 * and reward models that differ in it (the paper's figures 10 and 12).
 */
final class AblationSection {
  private static final Map<String, String> TEMPLATES = new LinkedHashMap<>();
  private static final int COLOURS = 6;

  static {
    TEMPLATES.put("token_template", "relevant words");
    TEMPLATES.put("sentence_template", "relevant answers");
  }

  private final RunFiles run;
  private final String setting;
  private final JsonNode values;

  private AblationSection(RunFiles run, String setting, JsonNode values) {
    this.run = run;
    this.setting = setting;
    this.values = values;
  }

  static void write(Html html, RunFiles run) throws IOException {
    for (Map.Entry<String, JsonNode> each : run.results().path("ablation").properties()) {
      if (!each.getValue().isEmpty()) {
        new AblationSection(run, each.getKey(), each.getValue()).write(html);
      }
    }
  }

  private void write(Html html) throws IOException {
    List<LineChart> curves = curves();
    Html inner = new Html();
    inner.figures(figures -> {
      if (isNumeric()) {
        line(figures);
      } else {
        TEMPLATES.forEach((template, what) -> bars(figures, template, what));
      }
      curves.forEach(c -> c.write(figures));
    });
    table(inner);
    if (!inner.toString().isEmpty()) {
      html.element("h3", title()).raw(inner.toString());
    }
  }

  private String title() {
    return switch (setting) {
      case "local_weight" -> "Weight of the local loss of the reward model";
      case "length_penalty" -> "Length penalty";
      case "alpha" -> "Steepness α of the length penalty";
      case "class_values" -> "Values of the classes: no word, irrelevant, relevant";
      default -> Numbers.words(setting);
    };
  }

  private boolean isNumeric() {
    return values.size() > 1 && values.properties().stream().allMatch(v -> isNumber(v.getKey()));
  }

  private void line(Html html) {
    LineChart chart = new LineChart("Relevance", "%, with 95 % intervals", Numbers.words(setting));
    TEMPLATES.forEach((template, what) -> {
      List<Point> points = new ArrayList<>();
      values.properties().forEach(v -> {
        Estimate e = Estimate.of(v.getValue().path(template));
        if (e != null) {
          points.add(Point.of(Double.parseDouble(v.getKey()), e));
        }
      });
      points.sort(Comparator.comparingDouble(Point::x));
      boolean words = template.equals("token_template");
      chart.measured(what, words ? "c-first" : "c-second", points);
      Estimate sft = sft(template);
      if (sft != null && !points.isEmpty()) {
        chart.reference(sft.mean(), words ? "SFT, words" : "SFT, answers");
      }
    });
    chart.write(html);
  }

  private void bars(Html html, String template, String what) {
    BarChart chart = new BarChart("Relevance", what + ", %");
    values.properties().forEach(v -> {
      Estimate e = Estimate.of(v.getValue().path(template));
      if (e != null) {
        chart.bar(v.getKey(), "", "c-first", e, Numbers.fixed(e.mean(), 1));
      }
    });
    Estimate sft = sft(template);
    if (sft != null && !chart.isEmpty()) {
      chart.bar(Models.label("sft"), "where all start", Models.style("sft"), sft, Numbers.fixed(sft.mean(), 1));
    }
    chart.write(html);
  }

  private Estimate sft(String template) {
    return Estimate.of(run.results().path("relevance_rate").path(template).path("sft"));
  }

  /** Training curves of the models that differ in this setting. */
  private List<LineChart> curves() throws IOException {
    LineChart loss = new LineChart("Reward model: loss", "on validation users", "step");
    LineChart auc = new LineChart("Reward model: weighted AUC", "on validation users", "step").atLeast(0.5, 1);
    LineChart score = new LineChart("Policy: training score", "mean over responses", "round");
    LineChart judge = new LineChart("Policy: judge’s relevant words", "on validation users, %", "round");
    LineChart length = new LineChart("Policy: response length", "tokens", "round");
    List<RunFiles> runs = runs();
    int i = 0;
    for (Map.Entry<String, JsonNode> value : values.properties()) {
      String style = "c-v" + i++ % COLOURS;
      Metrics own = RunFiles.metrics(runs, arm(value.getKey()) + "/reward-token");
      Metrics policy = RunFiles.metrics(runs, arm(value.getKey()) + "/tppo");
      if (policy.isEmpty()) { // the run's own setting
        policy = RunFiles.metrics(runs, "tppo");
        own = RunFiles.metrics(runs, "reward-token");
      }
      loss.line(value.getKey(), style, own.series("eval/loss"));
      auc.line(value.getKey(), style, own.series("eval/auc_weighted"));
      score.line(value.getKey(), style, policy.series("objective/scores"));
      judge.line(value.getKey(), style, policy.series("eval/judge_token_relevance"));
      length.line(value.getKey(), style, policy.series("response/length_mean"));
    }
    Estimate suggested = Estimate.of(run.results().path("suggested_length"));
    length.reference(suggested == null ? Double.NaN : suggested.mean(), "suggested length");
    return setting.equals("local_weight") ? List.of(loss, auc) : List.of(score, judge, length);
  }

  private String arm(String value) {
    return "ablation/" + setting + "-" + value.replace(',', '_');
  }

  /** The runs of the seeds for which the setting was varied; of others TPPO's curves are no match for the variations'. */
  private List<RunFiles> runs() throws IOException {
    List<RunFiles> varied = new ArrayList<>();
    for (RunFiles each : run.runs()) {
      if (each.names("ablation").stream().anyMatch(name -> name.startsWith(setting + "-"))) {
        varied.add(each);
      }
    }
    return varied.isEmpty() ? run.runs() : varied;
  }

  private void table(Html html) {
    TreeSet<String> others = new TreeSet<>();
    values.forEach(v -> v.fieldNames().forEachRemaining(others::add));
    List<String> columns = new ArrayList<>(TEMPLATES.keySet());
    columns.retainAll(others);
    others.removeAll(columns);
    others.removeIf(c -> c.equals("unjudged") && values.findValues(c).stream().allMatch(n -> n.asDouble() == 0));
    columns.addAll(others);
    List<String> heads = new ArrayList<>(List.of(Numbers.words(setting)));
    columns.forEach(c -> heads.add(TEMPLATES.containsKey(c) ? TEMPLATES.get(c) + ", %" : c.equals("right_count")
        ? "right number of queries" : Numbers.words(c)));
    Table table = new Table(heads.toArray(String[]::new));
    values.properties().forEach(v -> table.row(v.getKey(),
        columns.stream().map(c -> cell(c, Estimate.of(v.getValue().path(c)))).toArray(Table.Cell[]::new)));
    if (!columns.isEmpty()) {
      table.write(html);
    }
  }

  private static Table.Cell cell(String column, Estimate e) {
    if (e == null) {
      return Table.text("–");
    }
    if (column.equals("right_count")) {
      return Table.percent(e.mean());
    }
    return Table.number(e.mean(), TEMPLATES.containsKey(column)
        ? Numbers.fixed(e.mean(), 2) + (e.hasInterval() ? "  " + e.interval(2) : "") : Numbers.brief(e.mean()));
  }

  private static boolean isNumber(String value) {
    try {
      return Double.isFinite(Double.parseDouble(value));
    } catch (NumberFormatException e) {
      return false;
    }
  }
}
