// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import io.github.tppo.report.Answer.Token;
import java.util.Collection;
import java.util.Locale;

/**
 * The colour of a token's reward: a diverging scale around zero when rewards have both signs, else around the middle of
 * their range with a pale lower half, since a small reward is no punishment. Tokens of class 0 (separators, stop words)
 * earn nothing and take no colour.
 */
record RewardColours(double low, double high) {
  private static final double FAINTEST = 0.05;
  private static final double STRONGEST = 0.62;
  private static final double STRONGEST_PALE = 0.27;

  /** The scale of all tokens of some answers. */
  static RewardColours of(Collection<Answer> answers) {
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (Answer answer : answers) {
      for (Token t : answer.tokens()) {
        if (t.predicted() != 0 && Double.isFinite(t.reward())) {
          low = Math.min(low, t.reward());
          high = Math.max(high, t.reward());
        }
      }
    }
    if (low > high) {
      return null;
    }
    if (low < 0 && high > 0) {
      double size = Math.max(-low, high);
      return new RewardColours(-size, size);
    }
    return new RewardColours(low, high > low ? high : low + 1);
  }

  private boolean diverging() {
    return low < 0 && high > 0;
  }

  /** Style class: which of the two colours. */
  String style(double reward) {
    return reward < (low + high) / 2 ? "lo" : "hi";
  }

  /** Style attribute: how strong the colour is. */
  String strength(double reward) {
    double far = Math.min(1, Math.abs(2 * (reward - low) / (high - low) - 1));
    double strongest = diverging() || style(reward).equals("hi") ? STRONGEST : STRONGEST_PALE;
    return String.format(Locale.ROOT, "--a:%.2f", FAINTEST + (strongest - FAINTEST) * far);
  }

  /** The key to the colours. */
  void legend(Html html) {
    html.open("p", "class", "scale").open("span", "class", "key").text("Token reward ").number(low, Numbers.brief(low));
    html.open("span", "class", "ramp", "role", "img", "aria-label", "from orange, lowest, to green, highest");
    int steps = 11;
    for (int i = 0; i < steps; i++) {
      double reward = low + (high - low) * i / (steps - 1);
      html.empty("span", "class", style(reward), "style", strength(reward));
    }
    html.close().number(high, Numbers.brief(high)).close();
    html.open("span").element("u", "underlined", "class", "yes").text(" judged relevant, without a line judged irrelevant").close();
    html.open("span").element("span", "grey", "class", "off").text(": not scored (stop word)").close();
    html.close();
  }
}
