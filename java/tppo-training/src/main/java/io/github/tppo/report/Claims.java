// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** The paper's claims, each held against the run's results by a rule that the page states. */
final class Claims {
  /** A difference below this many points counts as near. */
  static final double NEAR = 2;
  private static final Map<String, String> TEMPLATES = new LinkedHashMap<>();

  static {
    TEMPLATES.put("token_template", "relevant words");
    TEMPLATES.put("sentence_template", "relevant answers");
  }

  private final RunFiles run;
  private final JsonNode results;

  private Claims(RunFiles run) {
    this.run = run;
    this.results = run.results();
  }

  /** The claims on which the run has something to say. */
  static List<Claim> of(RunFiles run) {
    Claims claims = new Claims(run);
    List<Claim> all = List.of(
        claims.order(),
        claims.difference("TPPO above PPO", "+3.80 points", "tppo_minus_ppo"),
        claims.difference("PPO above SFT", "+0.95 points", "ppo_minus_sft"),
        claims.difference("TPPO above SFT", "+4.75 points", "tppo_minus_sft"),
        claims.wins(),
        claims.steadier(),
        claims.near());
    return all.stream().filter(c -> !c.evidence().isEmpty()).toList();
  }

  private Estimate difference(String pair, String template) {
    return Estimate.of(results.path("difference").path(pair).path(template));
  }

  private Claim order() {
    Claim claim = new Claim("TPPO above PPO above SFT", "88.85 > 85.05 > 84.10 %");
    TEMPLATES.forEach((template, what) -> {
      JsonNode rates = results.path("relevance_rate").path(template);
      List<String> means = new ArrayList<>();
      for (String model : List.of("tppo", "ppo", "sft")) {
        Estimate rate = Estimate.of(rates.path(model));
        means.add(Models.label(model) + "\u00A0" + (rate == null ? "–" : Numbers.fixed(rate.mean(), 1)));
      }
      claim.with(what, Double.NaN, String.join(", ", means) + "\u00A0%", Outcome.both(
          Outcome.above(difference("tppo_minus_ppo", template)), Outcome.above(difference("ppo_minus_sft", template))));
    });
    return claim;
  }

  private Claim difference(String text, String paper, String pair) {
    Claim claim = new Claim(text, paper);
    TEMPLATES.forEach((template, what) -> claim.with(what, difference(pair, template), Outcome.above(difference(pair, template))));
    return claim;
  }

  private Claim near() {
    Claim claim = new Claim("DPO near SFT", "+0.40 points");
    TEMPLATES.forEach((template, what) ->
        claim.with(what, difference("dpo_minus_sft", template), Outcome.within(difference("dpo_minus_sft", template), NEAR)));
    return claim;
  }

  private Claim wins() {
    Claim claim = new Claim("TPPO wins more often than it loses", "+2.35 points against PPO, +8.75 against SFT (open log)");
    for (String other : List.of("ppo", "sft", "dpo")) {
      Estimate balance = Estimate.of(results.path("pairwise").path("tppo_vs_" + other).path("win_minus_lose"));
      claim.with("wins − losses against " + Models.label(other), balance, Outcome.above(balance));
    }
    return claim;
  }

  private Claim steadier() {
    Claim claim = new Claim("TPPO’s training score is steadier than PPO’s", "smaller variance (figures 5 and 11)");
    List<Steadiness> tppo = new ArrayList<>();
    List<Steadiness> ppo = new ArrayList<>();
    int steadier = 0;
    int unsteadier = 0;
    for (RunFiles each : run.runs()) {
      Steadiness t = Steadiness.of(each.results().path("training").path("tppo"));
      Steadiness p = Steadiness.of(each.results().path("training").path("ppo"));
      if (t != null && p != null) {
        tppo.add(t);
        ppo.add(p);
        steadier += t.steadierThan(p) ? 1 : 0;
        unsteadier += p.steadierThan(t) ? 1 : 0;
      }
    }
    int seeds = tppo.size();
    Outcome judge = Outcome.above(difference("tppo_minus_ppo", "token_template"));
    Outcome outcome = seeds == 0 ? null
        : steadier == seeds && judge != null && judge != Outcome.CONTRADICTED ? Outcome.SHOWN
        : unsteadier == seeds ? Outcome.CONTRADICTED : Outcome.NOT_SHOWN;
    String shown = "spread in a round: TPPO " + mean(tppo, Steadiness::spread) + ", PPO " + mean(ppo, Steadiness::spread)
        + "; change between rounds: TPPO " + mean(tppo, Steadiness::change) + ", PPO " + mean(ppo, Steadiness::change)
        + "; both smaller for TPPO in " + steadier + " of " + seeds + (seeds == 1 ? " seed" : " seeds");
    return claim.with("in standard deviations of the first round", Double.NaN, shown, outcome);
  }

  private static String mean(List<Steadiness> seeds, ToDoubleFunction<Steadiness> figure) {
    return Numbers.fixed(seeds.stream().mapToDouble(figure).average().orElse(Double.NaN), 2);
  }
}
