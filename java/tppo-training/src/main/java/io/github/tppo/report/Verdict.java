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
  private final Estimate overPpo;

  Verdict(JsonNode results) {
    this.results = results;
    this.tppo = rate("tppo");
    this.sft = rate("sft");
    this.gain = Estimate.of(results.path("difference").path("tppo_minus_sft").path(TEMPLATE));
    this.overPpo = Estimate.of(results.path("difference").path("tppo_minus_ppo").path(TEMPLATE));
  }

  private Estimate rate(String model) {
    return Estimate.of(results.path("relevance_rate").path(TEMPLATE).path(model));
  }

  /** The result as a heading: TPPO against PPO and SFT, as far as intervals tell. */
  String heading() {
    Outcome ppo = Outcome.above(overPpo);
    Outcome sft = Outcome.above(gain);
    if (ppo == null && sft == null) {
      return tppo == null ? "A run of token-level PPO" : "TPPO: " + Numbers.fixed(tppo.mean(), 1) + " % of words relevant";
    }
    if (ppo == null || sft == null) {
      return alone(sft == null ? "PPO" : "SFT", sft == null ? overPpo : gain);
    }
    if (ppo == Outcome.NOT_SHOWN && sft == Outcome.NOT_SHOWN) {
      return "No difference of TPPO from PPO or from SFT can be shown";
    }
    if (ppo == Outcome.NOT_SHOWN) {
      return alone("SFT", gain) + "; no difference from PPO can be shown";
    }
    if (sft == Outcome.NOT_SHOWN) {
      return alone("PPO", overPpo) + "; no difference from SFT can be shown";
    }
    return alone("PPO", overPpo) + (ppo == sft ? " and " : " but ") + Numbers.fixed(Math.abs(gain.mean()), 1)
        + (sft == Outcome.SHOWN ? " more" : " less") + " than SFT";
  }

  private static String alone(String other, Estimate difference) {
    return switch (Outcome.above(difference)) {
      case SHOWN -> "TPPO is " + size(difference) + " more relevant than " + other;
      case CONTRADICTED -> "TPPO is " + size(difference) + " less relevant than " + other;
      case NOT_SHOWN -> "No difference between TPPO and " + other + " can be shown";
    };
  }

  private static String size(Estimate difference) {
    return Numbers.fixed(Math.abs(difference.mean()), 1) + " points";
  }

  /** Style class of the heading: what the intervals say. */
  String style() {
    boolean more = Outcome.above(overPpo) == Outcome.SHOWN || Outcome.above(gain) == Outcome.SHOWN;
    boolean less = Outcome.above(overPpo) == Outcome.CONTRADICTED || Outcome.above(gain) == Outcome.CONTRADICTED;
    return more == less ? "open" : more ? "better" : "worse";
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
    if (overPpo != null && overPpo.hasInterval()) {
      text.append(" Against sentence-level PPO: ").append(Numbers.signed(overPpo.mean(), 1)).append(" points, 95 % interval ")
          .append(overPpo.interval(1)).append('.');
    }
    text.append(answers());
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
    return text.toString();
  }

  /** The rates of whole answers, which need not agree with those of words. */
  private String answers() {
    List<String> rates = new ArrayList<>();
    for (String model : List.of("tppo", "ppo", "sft")) {
      Estimate rate = Estimate.of(results.path("relevance_rate").path("sentence_template").path(model));
      if (rate != null) {
        rates.add(percent(rate) + " of " + Models.label(model) + "’s");
      }
    }
    return rates.isEmpty() ? "" : " Of whole answers it finds relevant: " + String.join(", ", rates) + ".";
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
    addGain(tiles, "Gain over PPO, points", overPpo);
    addGain(tiles, "Gain over SFT, points", gain);
    String other = results.path("pairwise").path("tppo_vs_ppo").path("win").isNumber() ? "ppo" : "sft";
    JsonNode pair = results.path("pairwise").path("tppo_vs_" + other);
    if (pair.path("win").isNumber()) {
      double balance = pair.path("win").asDouble() - pair.path("lose").asDouble();
      tiles.add(new Tile("Wins − losses, points", balance, Numbers.signed(balance, 1), Numbers.fixed(pair.path("win").asDouble(), 1)
          + " % won, " + Numbers.fixed(pair.path("lose").asDouble(), 1) + " % lost against " + Models.label(other)));
    }
    addShare(tiles, "Right number of queries", results.path("form").path("tppo").path("right_count"), "of TPPO’s answers");
    Estimate auc = Estimate.of(results.path("reward_model").path("token").path("auc_weighted"));
    if (auc != null) {
      tiles.add(new Tile("Reward model’s AUC", auc.mean(), Numbers.fixed(auc.mean(), 3), "weighted over classes, 0.5 is chance"));
    }
    double seconds = 0;
    for (JsonNode stage : results.path("timing_s")) {
      Estimate s = Estimate.of(stage);
      seconds += s == null ? 0 : s.mean();
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

  private static void addGain(List<Tile> tiles, String label, Estimate gain) {
    if (gain != null) {
      tiles.add(new Tile(label, gain.mean(), Numbers.signed(gain.mean(), 1),
          gain.hasInterval() ? "95\u00A0% interval " + gain.interval(1) : ""));
    }
  }

  private static void addShare(List<Tile> tiles, String label, JsonNode node, String below) {
    Estimate share = Estimate.of(node);
    if (share != null) {
      tiles.add(new Tile(label, share.mean(), Numbers.fixed(100 * share.mean(), 1) + " %", below));
    }
  }
}
