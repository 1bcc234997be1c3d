// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;

/** Training of the reward models and of the models trained on pairs of text: SFT and DPO. */
final class ModelCurvesSection {
  private static final String STEP = "step";

  private ModelCurvesSection() {}

  /** Reward models: losses and quality over training, token level beside sentence level. */
  static void reward(Html html, RunFiles run) throws IOException {
    Metrics token = run.metrics("reward-token");
    Metrics sentence = run.metrics("reward-sentence");
    if (!token.isEmpty() || !sentence.isEmpty()) {
      boolean both = !sentence.isEmpty() && !token.isEmpty();
      html.open("div", "class", "figures");
      new LineChart("Local loss", "class of each token", STEP).line("training", "c-train", token.series("loss/reward_local"))
          .line("validation users", "c-first", token.series("eval/loss_local")).write(html);
      new LineChart("Global loss", "mean class of a response", STEP).line("training", "c-train", token.series("loss/reward_global"))
          .line("validation users", "c-first", token.series("eval/loss_global")).write(html);
      new LineChart("AUC on validation users", "0.5 is chance, 1 is perfect", STEP)
          .line(both ? "token level, weighted over classes" : "weighted over classes", "c-first", token.series("eval/auc_weighted"))
          .line("relevant against irrelevant", "c-second", token.series("eval/auc_relevant"))
          .line("sentence level", "c-third", sentence.series("eval/auc_weighted")).atLeast(0.5, 1).write(html);
      new LineChart("Loss of the sentence-level model", "", STEP).line("training", "c-train", sentence.series("loss/reward"))
          .line("validation users", "c-third", sentence.series("eval/loss")).write(html);
      html.close();
    }
    Table table = new Table("Final, on validation users", "weighted AUC", "relevant against irrelevant", "loss");
    run.results().path("reward_model").properties().forEach(e -> {
      if (e.getValue().path("auc_weighted").isNumber() || e.getValue().path("eval_loss").isNumber()) {
        table.row(e.getKey() + " level", figure(e.getValue(), "auc_weighted"), figure(e.getValue(), "auc_relevant"),
            figure(e.getValue(), "eval_loss"));
      }
    });
    table.write(html);
  }

  private static Table.Cell figure(JsonNode model, String name) {
    double value = Numbers.of(model.path(name));
    return Table.number(value, Double.isNaN(value) ? "–" : Numbers.fixed(value, 3));
  }

  /** SFT and DPO. */
  static void policies(Html html, RunFiles run) throws IOException {
    Metrics sft = run.metrics("sft");
    Metrics dpo = run.metrics("dpo");
    LineChart loss = new LineChart("SFT loss", "nats per response token", STEP)
        .line("training", "c-train", sft.series("sft/response_nll"))
        .line("validation users", "m-sft", sft.series("eval/response_nll"));
    LineChart preference = new LineChart("DPO loss", "", STEP).line("training", "m-dpo", dpo.series("loss/dpo"));
    LineChart margin = new LineChart("DPO reward margin", "chosen − rejected", STEP)
        .line("training", "m-dpo", dpo.series("rewards/margins"));
    if (loss.isEmpty() && preference.isEmpty() && margin.isEmpty()) {
      return;
    }
    html.open("div", "class", "figures");
    loss.write(html);
    preference.write(html);
    margin.write(html);
    html.close();
  }
}
