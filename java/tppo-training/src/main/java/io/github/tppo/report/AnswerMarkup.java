// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import io.github.tppo.report.Answer.Token;
import io.github.tppo.text.ResponseText;
import java.util.BitSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Writes an answer with the colour of each token's reward and the judge's mark on each word. Tokens may cut a character in
 * pieces; colours change only between what a reader sees as one character.
 */
final class AnswerMarkup {
  private static final Pattern GRAPHEME = Pattern.compile("\\X");
  private static final int NO_TOKEN = -1;

  private final Answer answer;
  private final RewardColours colours;
  private final int[] token;
  private final int[] score;
  private final BitSet starts = new BitSet();

  AnswerMarkup(Answer answer, RewardColours colours) {
    this.answer = answer;
    this.colours = colours;
    this.score = answer.scores();
    this.token = new int[answer.text().length()];
    java.util.Arrays.fill(token, NO_TOKEN);
    for (int t = answer.tokens().size() - 1; t >= 0; t--) {
      Token each = answer.tokens().get(t);
      for (int i = Math.max(0, each.start()); i < Math.min(token.length, each.end()); i++) {
        token[i] = t;
      }
    }
    Matcher graphemes = GRAPHEME.matcher(answer.text());
    while (graphemes.find()) {
      starts.set(graphemes.start());
    }
  }

  /** The queries as an ordered list. */
  void queries(Html html) {
    html.open("ol", "class", "queries");
    boolean any = false;
    for (ResponseText.Line line : ResponseText.lines(answer.text())) {
      if (!line.query().isEmpty()) {
        any = true;
        html.open("li", "dir", "auto");
        query(html, line.start(), line.end());
        html.close();
      }
    }
    if (!any) {
      html.element("li", "no query", "class", "off");
    }
    html.close();
  }

  private void query(Html html, int start, int end) {
    int from = start;
    while (from < end) {
      int to = from + 1;
      while (to < end && !(starts.get(to) && (token[to] != token[from] || score[to] != score[from]))) {
        to++;
      }
      run(html, from, to);
      from = to;
    }
  }

  private void run(Html html, int from, int to) {
    String text = answer.text().substring(from, to);
    String stripped = text.strip();
    if (stripped.length() < text.length()) { // a token's blanks take no colour, so that words stand apart
      int first = stripped.isEmpty() ? text.length() : text.indexOf(stripped);
      html.text(text.substring(0, first));
      if (!stripped.isEmpty()) {
        run(html, from + first, from + first + stripped.length());
        html.text(text.substring(first + stripped.length()));
      }
      return;
    }
    boolean word = score[from] >= 0;
    String judged = score[from] == 1 ? "yes" : "";
    Token t = token[from] == NO_TOKEN ? null : answer.tokens().get(token[from]);
    if (t == null || t.predicted() == 0 || colours == null) {
      String style = (judged + (word ? "" : " off")).strip();
      if (style.isEmpty()) {
        html.text(text);
      } else {
        html.element("span", text, "class", style);
      }
      return;
    }
    html.element("span", text, "class", (colours.style(t.reward()) + " " + judged).strip(), "style", colours.strength(t.reward()),
        "title", "reward " + Numbers.brief(t.reward()) + ", predicted " + (t.predicted() == 2 ? "relevant" : "irrelevant")
            + "; judge: " + (score[from] == 1 ? "relevant" : word ? "irrelevant" : "not scored"));
  }
}
