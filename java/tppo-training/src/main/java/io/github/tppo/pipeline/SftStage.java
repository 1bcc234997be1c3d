// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.model.Decoder;
import io.github.tppo.policy.Sequence;
import io.github.tppo.policy.SftTrainer;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.SftConfig;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Supervised fine-tuning of the policy: {@code sft/}. */
final class SftStage implements Stage<TppoConfig> {
  private static final int EVAL_EXAMPLES = 512;
  private static final int ADAPTERS = 0;

  @Override
  public String name() {
    return "sft";
  }

  @Override
  public List<String> needs() {
    return List.of("prepare");
  }

  @Override
  public List<String> configKeys() {
    return List.of("seed", "text", "sft", "lora", "save");
  }

  @Override
  public List<String> outputs() {
    return List.of("sft");
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    Compute.prepare(context);
    TppoConfig config = context.config();
    Path dir = context.folder().model("sft");
    try (Tokenizer tokenizer = PolicyModels.startingTokenizer(config);
        Decoder policy = PolicyModels.trainable(PolicyModels.start(config, tokenizer), config, ADAPTERS)) {
      List<Sequence> train = sequences(context, "train", tokenizer, 0);
      List<Sequence> valid = sequences(context, "valid", tokenizer, EVAL_EXAMPLES);
      try (SftTrainer trainer = new SftTrainer(policy, tokenizer.padId(), config.sft(), train, config.seed())) {
        TrainingLoop.run(context, dir, "fine-tuning the policy", new Training(trainer, valid, config.sft()));
        if (!valid.isEmpty()) {
          double nll = trainer.evaluate(valid);
          context.figure("valid_response_nll", nll);
          context.message(String.format(Locale.ROOT, "sft: loss of a true response token of validation users %.3f", nll));
        }
      }
      PolicyModels.saveAdapters(policy, tokenizer, config, PolicyModels.checkpoint(config), dir);
      PolicyModels.save(policy, tokenizer, config, dir);
    }
    TrainingLoop.clear(dir);
  }

  private static List<Sequence> sequences(RunContext<TppoConfig> context, String split, Tokenizer tokenizer, int most)
      throws IOException {
    TppoConfig config = context.config();
    List<Sequence> sequences = new ArrayList<>();
    for (Example example : PolicyModels.examples(context.folder(), split, most)) {
      sequences.add(new Sequence(
          config.text().prompt().promptIds(tokenizer, example.history(), config.text().maxPromptTokens()),
          config.text().prompt().responseIds(tokenizer, example.targets())));
    }
    return sequences;
  }

  private record Training(SftTrainer trainer, List<Sequence> valid, SftConfig config) implements Trainable {
    @Override
    public long totalSteps() {
      return trainer.totalSteps();
    }

    @Override
    public Map<String, Double> step(long step) {
      Map<String, Double> metrics = trainer.step(step);
      if ((step + 1) % config.evalEvery() == 0 && !valid.isEmpty()) {
        metrics.put("eval/response_nll", trainer.evaluate(valid));
      }
      return metrics;
    }

    @Override
    public String note(Map<String, Double> metrics) {
      return String.format(Locale.ROOT, "loss %.3f", metrics.get("sft/response_nll"));
    }

    @Override
    public void save(Path folder) throws IOException {
      trainer.save(folder);
    }

    @Override
    public void load(Path folder) throws IOException {
      trainer.load(folder);
    }
  }
}
