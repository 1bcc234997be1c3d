// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Held-out users with their history, their true queries and every model's answer. */
final class ExamplesSection {
  private static final int DEFAULT_EXAMPLES = 24;
  /** More history than this is shown as its newest entries. */
  private static final int MOST_ENTRIES = 14;

  private ExamplesSection() {}

  static void write(Html html, RunFiles run) {
    Map<String, Map<String, Answer>> byModel = new LinkedHashMap<>();
    Set<String> users = new LinkedHashSet<>();
    run.answers().forEach((model, answers) -> {
      Map<String, Answer> first = new LinkedHashMap<>();
      answers.forEach(a -> first.putIfAbsent(a.user(), a));
      byModel.put(model, first);
      users.addAll(first.keySet());
    });
    int wanted = run.config().path("evaluation").path("report_examples").asInt(DEFAULT_EXAMPLES);
    List<String> chosen = spread(new ArrayList<>(users), wanted);
    if (chosen.isEmpty()) {
      return;
    }
    List<Answer> shown = new ArrayList<>();
    byModel.values().forEach(m -> chosen.stream().filter(m::containsKey).map(m::get).forEach(shown::add));
    RewardColours colours = RewardColours.of(shown);
    html.element("p", chosen.size() + " of " + Numbers.count(users.size()) + " held-out users, at equal distances in the file, not picked. "
        + "Each token has the colour of the reward that the reward model gives it; underlined words are those that the judge, "
        + "who knows the true queries, finds relevant. Where colour and line agree, the reward model is right.");
    if (colours != null) {
      colours.legend(html);
    }
    html.open("div", "class", "controls", "hidden", "hidden").close();
    html.open("div", "id", "example-list");
    for (String user : chosen) {
      example(html, user, byModel, colours);
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

  private static void example(Html html, String user, Map<String, Map<String, Answer>> byModel, RewardColours colours) {
    Map<String, Answer> answers = new LinkedHashMap<>();
    byModel.forEach((model, all) -> {
      if (all.containsKey(user)) {
        answers.put(model, all.get(user));
      }
    });
    Answer any = answers.values().iterator().next();
    html.open("article", "class", "example", "data-outcome", outcome(answers.get("tppo"), answers.get("sft")));
    html.open("h3").text("User ").element("bdi", user).close();
    html.open("div", "class", "given");
    any.history().forEach((kind, entries) -> history(html, kind, entries));
    html.open("div", "class", "truth").element("h4", "Searched next");
    html.open("ol", "class", "queries");
    any.targets().forEach(t -> html.element("li", t, "dir", "auto"));
    html.close().close().close();
    html.open("div", "class", "answers");
    answers.forEach((model, answer) -> {
      html.open("div", "class", "answer " + Models.style(model));
      html.open("h4").empty("i").text(Models.label(model)).element("small", summary(answer)).close();
      new AnswerMarkup(answer, colours).queries(html);
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
    return relevant + " of " + scored + " words" + (a.whole() > 0 ? ", answer relevant" : "")
        + (a.tokenCount() > 0 ? ", " + a.tokenCount() + " tokens" : "") + (a.finished() ? "" : ", cut off");
  }

  private static String outcome(Answer tppo, Answer sft) {
    if (tppo == null || sft == null) {
      return null;
    }
    int order = Double.compare(tppo.relevance(), sft.relevance());
    return order > 0 ? "better" : order < 0 ? "worse" : "same";
  }
}
