// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** The head of the page: what the run shows, in a sentence, and its headline figures. */
final class Verdict {
  private static final String TEMPLATE = "token_template";

  private final JsonNode results;
  private final Estimate tppo;
  private final Estimate sft;
  private final Estimate gain;

  Verdict(JsonNode results) {
    this.results = results;
    this.tppo = rate("tppo");
    this.sft = rate("sft");
    this.gain = Estimate.of(results.path("difference").path("tppo_minus_sft").path(TEMPLATE));
  }

  private Estimate rate(String model) {
    return Estimate.of(results.path("relevance_rate").path(TEMPLATE).path(model));
  }

  /** The result as a heading. */
  String heading() {
    if (gain == null || !gain.hasInterval()) {
      return tppo == null ? "A run of token-level PPO" : "TPPO: " + Numbers.fixed(tppo.mean(), 1) + " % of words relevant";
    }
    String size = Numbers.fixed(Math.abs(gain.mean()), 1) + " points";
    if (gain.low() > 0) {
      return "TPPO is " + size + " more relevant than SFT";
    }
    return gain.high() < 0 ? "TPPO is " + size + " less relevant than SFT" : "No difference between TPPO and SFT can be shown";
  }

  /** Style class of the heading: what the interval says. */
  String style() {
    if (gain == null || !gain.hasInterval()) {
      return "open";
    }
    return gain.low() > 0 ? "better" : gain.high() < 0 ? "worse" : "open";
  }

  /** The sentences with the numbers. */
  String sentence() {
    if (tppo == null || sft == null) {
      return results.isObject() ? "Not all models have been evaluated in this run."
          : "This run has not been evaluated yet; the page shows what there is.";
    }
    StringBuilder text = new StringBuilder("The judge finds ").append(percent(tppo))
        .append(" of the words of an average TPPO answer relevant, ")
        .append(percent(sft)).append(" of those of an SFT answer");
    if (gain != null && gain.hasInterval()) {
      text.append(": ").append(Numbers.signed(gain.mean(), 1)).append(" points, 95\u00A0% interval ").append(gain.interval(1));
      if (gain.low() <= 0 && gain.high() >= 0) {
        text.append(", which contains zero");
      }
    }
    text.append('.');
    long users = results.path("held_out_users").asLong();
    if (users > 0) {
      text.append(" Measured on ").append(Numbers.count(users)).append(" held-out users");
      int seeds = results.path("seeds").size();
      text.append(seeds > 1 ? " and " + seeds + " seeds." : ".");
    }
    Estimate copy = rate("copy");
    if (copy != null) {
      text.append(" Repeating the user’s last queries scores ").append(percent(copy)).append(": ");
      double best = Math.max(tppo.mean(), sft.mean());
      double worst = Math.min(tppo.mean(), sft.mean());
      text.append(copy.mean() > best ? "more than either model." : copy.mean() < worst ? "less than either model."
          : "between the two models.");
    }
    Estimate overPpo = Estimate.of(results.path("difference").path("tppo_minus_ppo").path(TEMPLATE));
    if (overPpo != null && overPpo.hasInterval()) {
      text.append(" Against sentence-level PPO: ").append(Numbers.signed(overPpo.mean(), 1)).append(" points, 95 % interval ")
          .append(overPpo.interval(1)).append('.');
    }
    return text.toString();
  }

  private static String percent(Estimate e) {
    return Numbers.fixed(e.mean(), 1) + "\u00A0%";
  }

  private record Tile(String label, double exact, String shown, String below) {}

  /** Writes the headline figures. */
  void tiles(Html html) {
    List<Tile> tiles = new ArrayList<>();
    if (tppo != null) {
      tiles.add(new Tile("Relevant words, TPPO", tppo.mean(), percent(tppo),
          tppo.hasInterval() ? "95\u00A0% interval " + tppo.interval(1) : ""));
    }
    if (gain != null) {
      tiles.add(new Tile("Gain over SFT, points", gain.mean(), Numbers.signed(gain.mean(), 1),
          gain.hasInterval() ? "95\u00A0% interval " + gain.interval(1) : ""));
    }
    JsonNode pair = results.path("pairwise").path("tppo_vs_sft");
    if (pair.path("win").isNumber()) {
      tiles.add(new Tile("Wins − losses, points", pair.path("win").asDouble() - pair.path("lose").asDouble(),
          Numbers.signed(pair.path("win").asDouble() - pair.path("lose").asDouble(), 1),
          Numbers.fixed(pair.path("win").asDouble(), 1) + " % won, "
              + Numbers.fixed(pair.path("lose").asDouble(), 1) + " % lost against SFT"));
    }
    addShare(tiles, "Right number of queries", results.path("form").path("tppo").path("right_count"), "of TPPO’s answers");
    JsonNode auc = results.path("reward_model").path("token").path("auc_weighted");
    if (auc.isNumber()) {
      tiles.add(new Tile("Reward model’s AUC", auc.asDouble(), Numbers.fixed(auc.asDouble(), 3), "weighted over classes, 0.5 is chance"));
    }
    double seconds = 0;
    for (JsonNode stage : results.path("timing_s")) {
      seconds += stage.asDouble();
    }
    if (seconds > 0) {
      tiles.add(new Tile("Time of the run", seconds, Numbers.duration(seconds), results.path("timing_s").size() + " stages"));
    }
    if (tiles.isEmpty()) {
      return;
    }
    html.open("ul", "class", "tiles");
    for (Tile tile : tiles) {
      html.open("li").element("span", tile.label()).number(tile.exact(), tile.shown()).element("small", tile.below()).close();
    }
    html.close();
  }

  private static void addShare(List<Tile> tiles, String label, JsonNode share, String below) {
    if (share.isNumber()) {
      tiles.add(new Tile(label, share.asDouble(), Numbers.fixed(100 * share.asDouble(), 1) + " %", below));
    }
  }
}
