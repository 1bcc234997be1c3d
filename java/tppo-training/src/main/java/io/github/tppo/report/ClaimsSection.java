// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the paper claims and what this run shows of it, with the rule that decides. */
final class ClaimsSection {
  /** The paper's relevance rates in percent: industrial data, first evaluation set, sentence template (tables 3 and 7). */
  private static final Map<String, Double> PAPER = new LinkedHashMap<>();

  static {
    PAPER.put("sft", 84.10);
    PAPER.put("dpo", 84.50);
    PAPER.put("ppo", 85.05);
    PAPER.put("tppo", 88.85);
  }

  private ClaimsSection() {}

  static void write(Html html, RunFiles run) {
    List<Claim> claims = Claims.of(run);
    if (claims.isEmpty()) {
      return;
    }
    html.open("ul", "class", "claims");
    claims.forEach(c -> claim(html, c));
    paper(html, run.results().path("relevance_rate"));
    html.close();
    html.open("details").element("summary", "The rules");
    rules(html);
    html.close();
  }

  private static void claim(Html html, Claim claim) {
    html.open("li").element("h3", claim.text()).element("p", "Paper: " + claim.paper(), "class", "paper");
    html.open("ul");
    for (Claim.Evidence e : claim.evidence()) {
      html.open("li").element("b", e.outcome().toString(), "class", "badge " + e.outcome().name().toLowerCase(Locale.ROOT))
          .open("span").element("small", e.what()).text(" ");
      if (Double.isNaN(e.exact())) {
        html.element("span", e.shown());
      } else {
        html.number(e.exact(), e.shown());
      }
      html.close().close();
    }
    html.close().close();
  }

  private static void rules(Html html) {
    html.element("p", "A difference is shown when its whole 95 % interval is above zero, contradicted when the whole interval is "
        + "below zero, and not shown when the interval contains zero; an order of three models needs both of its differences. "
        + "The intervals are those of results.json, taken user by user; with fewer than five seeds that differ more than users let a mean "
        + "vary, they hold the truth less often than 95 times in 100 (docs/evaluation.md). “Near” is shown when the whole interval is "
        + "within ± " + Numbers.brief(Claims.NEAR) + " points and contradicted when it is wholly outside.");
    html.element("p", "Steadiness has two figures, both in standard deviations of the scores of the first round, since the reward "
        + "models of PPO and TPPO have different scales: the mean standard deviation of the scores in a round, and the standard "
        + "deviation of the change of the mean score between rounds. It is shown when both are smaller for TPPO in every "
        + "seed and the judge does not find TPPO’s answers worse than PPO’s (a policy that gives every user the same answer is "
        + "steady too), and contradicted when both are larger in every seed.");
  }

  private static void paper(Html html, JsonNode rates) {
    html.open("li", "class", "wide").element("h3", "The paper’s relevance rates beside this run’s, %");
    html.element("p", "The paper’s come from another data set (an industrial search log), another judge (LLaMA 3 70B) and other "
        + "models (Mistral 7B): only the order of the models can be compared, not the level.", "class", "paper");
    Table table = new Table("", "paper", "relevant answers", "relevant words");
    PAPER.forEach((model, rate) -> table.row(Models.label(model), Table.number(rate, Numbers.fixed(rate, 2)),
        rate(rates.path("sentence_template").path(model)), rate(rates.path("token_template").path(model))));
    table.write(html);
    html.close();
  }

  private static Table.Cell rate(JsonNode node) {
    Estimate e = Estimate.of(node);
    return e == null ? Table.text("–") : Table.number(e.mean(), Numbers.fixed(e.mean(), 2));
  }
}
