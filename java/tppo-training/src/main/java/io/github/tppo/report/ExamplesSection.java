// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A browser of held-out users with their history, their true queries and every model's answer, seed by seed. */
final class ExamplesSection {
  private static final int DEFAULT_EXAMPLES = 24;
  /** More history than this is shown as its newest entries. */
  private static final int MOST_ENTRIES = 14;

  /** A user's answers by model in each run that has any. */
  private final Map<RunFiles, Map<String, Map<String, Answer>>> byRun = new LinkedHashMap<>();
  private final Set<String> users = new LinkedHashSet<>();
  private final RunFiles run;
  /** The model that TPPO is held against in the choice of users. */
  private final String rival;

  private ExamplesSection(RunFiles run) {
    this.run = run;
    this.rival = run.answers().containsKey("ppo") ? "ppo" : "sft";
    for (RunFiles each : run.runs()) {
      Map<String, Map<String, Answer>> byUser = new LinkedHashMap<>();
      each.answers().forEach((model, answers) -> answers.forEach(a ->
          byUser.computeIfAbsent(a.user(), u -> new LinkedHashMap<>()).putIfAbsent(model, a)));
      byRun.put(each, byUser);
      users.addAll(byUser.keySet());
    }
  }

  static void write(Html html, RunFiles run) throws IOException {
    new ExamplesSection(run).write(html);
  }

  private void write(Html html) throws IOException {
    int wanted = run.config().path("evaluation").path("report_examples").asInt(DEFAULT_EXAMPLES);
    List<String> chosen = spread(new ArrayList<>(users), wanted);
    if (chosen.isEmpty()) {
      return;
    }
    List<Answer> shown = new ArrayList<>();
    byRun.values().forEach(byUser -> chosen.forEach(u -> shown.addAll(byUser.getOrDefault(u, Map.of()).values())));
    RewardColours colours = RewardColours.of(shown);
    html.element("p", chosen.size() + " of " + Numbers.count(users.size()) + " held-out users, at equal distances in the file, not picked. "
        + "Each token has the colour of the reward that the reward model gives it; underlined words are those that the judge, "
        + "who knows the true queries, finds relevant. Where colour and line agree, the reward model is right.");
    if (colours != null) {
      colours.legend(html);
    }
    controls(html);
    html.open("div", "id", "example-list", "role", "region", "aria-label", "Example users");
    for (String user : chosen) {
      example(html, user, colours);
    }
    html.close();
  }

  private static List<String> spread(List<String> users, int wanted) {
    List<String> out = new ArrayList<>();
    int n = Math.min(wanted, users.size());
    for (int i = 0; i < n; i++) {
      out.add(users.get((int) ((long) i * users.size() / n)));
    }
    return out;
  }

  /** What a script makes usable; without one, all users stand below each other. */
  private void controls(Html html) {
    html.open("div", "class", "controls", "hidden", "hidden", "role", "group", "aria-label", "Choose an example user");
    html.element("button", "←", "type", "button", "data-go", "-1", "aria-label", "Previous user");
    html.element("span", "", "class", "position", "role", "status");
    html.element("button", "→", "type", "button", "data-go", "1", "aria-label", "Next user");
    html.open("label").text("Find ").empty("input", "type", "search", "placeholder", "user, word", "size", "12").close();
    if (run.answers().containsKey("tppo") && run.answers().containsKey(rival)) {
      String other = Models.label(rival);
      html.open("label").text("Show ").open("select", "name", "outcome");
      html.element("option", "all users", "value", "").element("option", "TPPO above " + other, "value", "better")
          .element("option", "TPPO below " + other, "value", "worse").element("option", "TPPO level with " + other, "value", "same");
      html.close().close();
    }
    if (byRun.size() > 1) {
      html.open("label").text("Seed ").open("select", "name", "seed");
      byRun.keySet().forEach(r -> html.element("option", r.seed(), "value", r.seed()));
      html.close().close();
    }
    html.close();
  }

  private void example(Html html, String user, RewardColours colours) {
    Answer any = byRun.values().stream().filter(r -> r.containsKey(user)).findFirst().orElseThrow().get(user).values().iterator().next();
    html.open("article", "class", "example");
    html.open("h3").text("User ").element("bdi", user).close();
    html.open("div", "class", "given");
    any.history().forEach((kind, entries) -> history(html, kind, entries));
    html.open("div", "class", "truth").element("h4", "Searched next");
    html.open("ol", "class", "queries");
    any.targets().forEach(t -> html.element("li", t, "dir", "auto"));
    html.close().close().close();
    byRun.forEach((each, byUser) -> {
      if (byUser.containsKey(user)) {
        answers(html, each.seed(), byUser.get(user), colours);
      }
    });
    html.close();
  }

  private void answers(Html html, String seed, Map<String, Answer> answers, RewardColours colours) {
    html.open("div", "class", "seed-answers", "data-seed", seed, "data-outcome", outcome(answers.get("tppo"), answers.get(rival)));
    if (!seed.isEmpty()) {
      html.element("h4", "Seed " + seed, "class", "seed-name");
    }
    html.open("div", "class", "answers");
    answers.forEach((model, answer) -> {
      html.open("div", "class", "answer " + Models.style(model));
      html.open("h4").empty("i").text(Models.label(model)).element("small", summary(answer)).close();
      new AnswerMarkup(answer, colours).queries(html);
      List<String> relevant = answer.words().stream().filter(w -> w.score() == 1)
          .map(w -> answer.text().substring(w.start(), w.end())).toList();
      html.element("p", Double.isNaN(answer.relevance()) ? "Not judged." : relevant.isEmpty() ? "No word judged relevant." : "Judged relevant: " + String.join(", ", relevant) + ".",
          "class", "sr");
      html.close();
    });
    html.close().close();
  }

  private static void history(Html html, String kind, List<String> entries) {
    int from = Math.max(0, entries.size() - MOST_ENTRIES);
    String title = switch (kind) {
      case "search" -> "Searched before";
      case "click" -> "Clicked";
      case "purchase" -> "Bought";
      case "visit" -> "Visited";
      default -> kind;
    };
    html.open("div").open("h4").text(title)
        .element("small", from > 0 ? "newest " + MOST_ENTRIES + " of " + entries.size() : "").close();
    html.open("ul", "class", "chips");
    entries.subList(from, entries.size()).forEach(e -> html.element("li", e, "dir", "auto"));
    html.close().close();
  }

  private static String summary(Answer a) {
    long scored = a.words().stream().filter(w -> w.score() >= 0).count();
    long relevant = a.words().stream().filter(w -> w.score() == 1).count();
    return (Double.isNaN(a.relevance()) ? "not judged" : relevant + " of " + scored + " words") + (a.whole() > 0 ? ", answer relevant" : "")
        + (a.tokenCount() > 0 ? ", " + a.tokenCount() + " tokens" : "") + (a.finished() ? "" : ", cut off");
  }

  private static String outcome(Answer tppo, Answer rival) {
    if (tppo == null || rival == null || Double.isNaN(tppo.relevance()) || Double.isNaN(rival.relevance())) {
      return null;
    }
    int order = Double.compare(tppo.relevance(), rival.relevance());
    return order > 0 ? "better" : order < 0 ? "worse" : "same";
  }
}
