// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.model.Decoder;
import io.github.tppo.policy.DpoTrainer;
import io.github.tppo.policy.PreferencePair;
import io.github.tppo.policy.Sequence;
import io.github.tppo.run.DpoConfig;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Direct preference optimisation of a policy on the samples that the reward models are trained on, against the true queries. */
final class DpoTraining implements PolicyTraining {
  private final DpoTrainer trainer;
  private final DpoConfig config;
  private final Validation validation;
  private final SftReference sft;
  private double tokens;

  private DpoTraining(DpoTrainer trainer, DpoConfig config, Validation validation, SftReference sft) {
    this.trainer = trainer;
    this.config = config;
    this.validation = validation;
    this.sft = sft;
  }

  /** @param validation every {@code dpo.eval_every} steps; null for never */
  static DpoTraining of(RunContext<TppoConfig> context, Tokenizer tokenizer, Decoder policy, Decoder reference, SftReference sft,
      Validation validation) throws IOException {
    TppoConfig config = context.config();
    return new DpoTraining(new DpoTrainer(policy, reference, tokenizer.padId(), config.dpo(), config.sampling().temperature(),
        pairs(context, tokenizer), config.seed()), config.dpo(), validation, sft);
  }

  /** Samples of training users, each with the true queries of the example that it answers. */
  private static List<PreferencePair> pairs(RunContext<TppoConfig> context, Tokenizer tokenizer) throws IOException {
    List<Example> examples = PolicyModels.examples(context.folder(), "train", 0);
    List<PreferencePair> pairs = new ArrayList<>();
    for (SampledResponse sample : SampledResponse.read(GenerateStage.file(context.folder().generate()))) {
      if (sample.split().equals("train")) {
        int[] chosen = context.config().text().prompt().responseIds(tokenizer, examples.get(sample.index()).targets());
        pairs.add(new PreferencePair(new Sequence(sample.promptIds(), chosen), new Sequence(sample.promptIds(), sample.responseIds())));
      }
    }
    return pairs;
  }

  @Override
  public long totalSteps() {
    return trainer.totalSteps();
  }

  @Override
  public Map<String, Double> step(long step) throws IOException {
    Map<String, Double> metrics = trainer.step(step);
    tokens += metrics.get("dpo/tokens");
    if (validation != null && (step + 1) % config.evalEvery() == 0) {
      validation.addTo(metrics);
    }
    return metrics;
  }

  @Override
  public String note(Map<String, Double> metrics) {
    return String.format(Locale.ROOT, "loss %.3f, margin %.2f", metrics.get("loss/dpo"), metrics.get("rewards/margins"));
  }

  @Override
  public double tokens() {
    return tokens;
  }

  @Override
  public void save(Path folder) throws IOException {
    trainer.save(folder);
    sft.save(folder);
  }

  @Override
  public void load(Path folder) throws IOException {
    sft.requireSame(folder);
    trainer.load(folder);
  }

  @Override
  public void close() {
    trainer.close();
  }
}
