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
    html.figures(figures -> {
      new LineChart("Weighted AUC on validation users", "0.5 is chance, 1 is perfect", STEP)
          .line("token level", "c-first", token.series("eval/auc_weighted"))
          .line("token level, relevant against irrelevant", "c-second", token.series("eval/auc_relevant"))
          .line("sentence level", "c-irrelevant", sentence.series("eval/auc_weighted")).atLeast(0.5, 1).write(figures);
      new LineChart("Loss on validation users", "each model’s own loss", STEP)
          .line("token level", "c-first", token.series("eval/loss"))
          .line("sentence level", "c-irrelevant", sentence.series("eval/loss")).write(figures);
      loss("Token level: total loss", "weighted sum of local and global", token, "loss/reward", "eval/loss", "c-first").write(figures);
      loss("Token level: local loss", "class of each token", token, "loss/reward_local", "eval/loss_local", "c-first").write(figures);
      loss("Token level: global loss", "mean class of a response", token, "loss/reward_global", "eval/loss_global", "c-first")
          .write(figures);
      loss("Sentence level: loss", "one score a response", sentence, "loss/reward", "eval/loss", "c-irrelevant").write(figures);
    });
    Table table = new Table("Final, on validation users", "weighted AUC", "relevant against irrelevant", "loss");
    run.results().path("reward_model").properties().forEach(e -> {
      if (Estimate.of(e.getValue().path("auc_weighted")) != null || Estimate.of(e.getValue().path("eval_loss")) != null) {
        table.row(e.getKey() + " level", figure(e.getValue(), "auc_weighted"), figure(e.getValue(), "auc_relevant"),
            figure(e.getValue(), "eval_loss"));
      }
    });
    table.write(html);
  }

  private static LineChart loss(String title, String note, Metrics metrics, String training, String validation, String style) {
    return new LineChart(title, note, STEP).line("training", "c-train", metrics.series(training))
        .line("validation users", style, metrics.series(validation));
  }

  private static Table.Cell figure(JsonNode model, String name) {
    Estimate value = Estimate.of(model.path(name));
    return value == null ? Table.text("–") : Table.number(value.mean(), Numbers.fixed(value.mean(), 3)
        + (value.hasInterval() ? "  " + value.interval(3) : ""));
  }

  /** The supervised start. */
  static void sft(Html html, RunFiles run) throws IOException {
    Metrics sft = run.metrics("sft");
    html.figures(figures ->
        loss("SFT loss", "nats per response token", sft, "sft/response_nll", "eval/response_nll", "m-sft").write(figures));
  }

  /** DPO: loss, how often the true queries are preferred, and by how much. */
  static void dpo(Html html, RunFiles run) throws IOException {
    Metrics dpo = run.metrics("dpo");
    html.figures(figures -> {
      new LineChart("DPO loss", "ln 2 = 0.69 before training", STEP).line("training", "m-dpo", dpo.series("loss/dpo")).write(figures);
      new LineChart("Preference accuracy", "share of pairs with the true queries above the SFT sample", STEP)
          .line("training", "m-dpo", dpo.series("rewards/accuracies")).reference(0.5, "chance").atLeast(0.4, 1).write(figures);
      new LineChart("Margin of the implicit rewards", "true queries − SFT sample", STEP)
          .line("training", "m-dpo", dpo.series("rewards/margins")).write(figures);
      new LineChart("Implicit rewards", "β · log-ratio to the SFT policy", STEP)
          .line("true queries", "c-relevant", dpo.series("rewards/chosen"))
          .line("SFT samples", "c-irrelevant", dpo.series("rewards/rejected")).write(figures);
      new LineChart("Judge’s score on validation users", "%", STEP)
          .line("words", "m-dpo", dpo.series("eval/judge_token_relevance"))
          .line("answers", "c-second", dpo.series("eval/judge_sentence_relevance")).write(figures);
    });
  }
}
