// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.judge.LabelledResponse;
import io.github.tppo.judge.TokenClasses;
import io.github.tppo.reward.RewardEncoder;
import io.github.tppo.reward.RewardInput;
import io.github.tppo.reward.RewardSample;
import io.github.tppo.reward.TokenRewardTrainer;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.RewardConfig;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The token-level reward model of an arm: {@code reward-token/}. */
final class TrainRewardStage implements Stage<TppoConfig> {
  private final Arm arm;

  TrainRewardStage(Arm arm) {
    this.arm = arm;
  }

  @Override
  public String name() {
    return arm.rewardStage();
  }

  @Override
  public String command() {
    return "train-reward";
  }

  @Override
  public TppoConfig config(TppoConfig run) {
    return arm.config(run);
  }

  @Override
  public List<String> needs() {
    return List.of("prepare", "sft", "generate", "label");
  }

  @Override
  public List<String> configKeys() {
    return List.of("seed", "reward", "save");
  }

  @Override
  public List<String> outputs() {
    return List.of(arm.rewardFolder());
  }

  @Override
  public void check(TppoConfig config) throws IOException {
    int policy = PolicyModels.hiddenSize(config);
    int own = config.reward().shape().hiddenSize();
    if (config.reward().init().equals("matching") && policy != own) {
      throw new ConfigException("reward.init: matching wants a policy of reward.shape.hidden_size " + own + ", that of sft.init has "
          + policy + "; set reward.init to random or to a Longformer's folder");
    }
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    Compute.prepare(context);
    TppoConfig config = context.config();
    Path dir = context.folder().model(arm.rewardFolder());
    try (Tokenizer policyTokenizer = Tokenizer.load(context.folder().model("sft"));
        RewardModels.Start start = RewardModels.start(config, context.folder(), policyTokenizer)) {
      List<RewardSample> train = new ArrayList<>();
      List<RewardSample> valid = new ArrayList<>();
      samples(context, policyTokenizer, start.encoder(), train, valid);
      try (TokenRewardTrainer trainer =
          new TokenRewardTrainer(start.model(), start.encoder().padId(), config.reward(), train, config.seed())) {
        TrainingLoop.run(context, dir, "training the reward model", new Training(trainer, valid, config.reward()));
        if (!valid.isEmpty()) {
          report(context, trainer.evaluate(valid));
        }
      }
      RewardModels.save(start, config, dir);
    }
    TrainingLoop.clear(dir);
  }

  private static void report(RunContext<TppoConfig> context, TokenRewardTrainer.Quality quality) {
    context.figure("auc_weighted", quality.aucWeighted());
    context.figure("auc_relevant", quality.aucRelevant());
    context.figure("eval_loss", quality.loss());
    context.message(String.format(Locale.ROOT,
        "reward model on validation users: weighted AUC %.3f, relevant against irrelevant %.3f, loss %.3f",
        quality.aucWeighted(), quality.aucRelevant(), quality.loss()));
  }

  /** Labelled responses as inputs of the reward model; responses of validation users are kept apart. */
  private static void samples(RunContext<TppoConfig> context, Tokenizer policyTokenizer, RewardEncoder encoder,
      List<RewardSample> train, List<RewardSample> valid) throws IOException {
    Set<String> validUsers = new HashSet<>();
    for (Example example : PolicyModels.examples(context.folder(), "valid", 0)) {
      validUsers.add(example.user());
    }
    for (LabelledResponse label : LabelledResponse.read(context.folder().labels().resolve("token.jsonl"))) {
      RewardInput input = encoder.encode(policyTokenizer.decode(label.promptIds(), true), label.text());
      RewardSample sample = new RewardSample(input, TokenClasses.of(input.spans(), label.words()), 1 + label.sentence());
      (validUsers.contains(label.user()) ? valid : train).add(sample);
    }
  }

  private record Training(TokenRewardTrainer trainer, List<RewardSample> valid, RewardConfig config)
      implements Trainable {
    @Override
    public long totalSteps() {
      return trainer.totalSteps();
    }

    @Override
    public Map<String, Double> step(long step) {
      Map<String, Double> metrics = trainer.step(step);
      if ((step + 1) % config.evalEvery() == 0 && !valid.isEmpty()) {
        TokenRewardTrainer.Quality quality = trainer.evaluate(valid);
        metrics.put("eval/loss", quality.loss());
        metrics.put("eval/loss_local", quality.localLoss());
        metrics.put("eval/loss_global", quality.globalLoss());
        metrics.put("eval/auc_weighted", quality.aucWeighted());
        metrics.put("eval/auc_relevant", quality.aucRelevant());
      }
      return metrics;
    }

    @Override
    public String note(Map<String, Double> metrics) {
      return String.format(Locale.ROOT, "loss %.3f", metrics.get("loss/reward"));
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
