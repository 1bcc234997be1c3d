// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.judge.LabelledResponse;
import io.github.tppo.judge.TokenClasses;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.reward.RewardEncoder;
import io.github.tppo.reward.RewardInput;
import io.github.tppo.reward.RewardSample;
import io.github.tppo.reward.RewardTrainer;
import io.github.tppo.reward.SentenceRewardTrainer;
import io.github.tppo.reward.SentenceSample;
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
import java.util.function.BiFunction;

/** The reward model of an arm: {@code reward-token/} or {@code reward-sentence/}. */
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
    return List.of("prepare", "sft", "generate", arm.method() == Method.PPO ? "label-sentence" : "label");
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
    String init = config.reward().init();
    int policy = PolicyModels.hiddenSize(config);
    int own = config.reward().shape().hiddenSize();
    if (init.equals("matching") && policy != own) {
      throw new ConfigException("reward.init: matching wants a policy of reward.shape.hidden_size " + own + ", that of sft.init has "
          + policy + "; set reward.init to random or to a Longformer's folder");
    }
    int labels = arm.method().rewardLabels;
    if (!init.equals("matching") && !init.equals("random")) {
      int found = LongformerConfig.read(Path.of(init).resolve("config.json")).labels();
      if (found != labels) {
        throw new ConfigException("reward.init: " + init + " has " + found + " labels, expected " + labels + " for " + arm.title());
      }
    }
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    Compute.prepare(context);
    TppoConfig config = context.config();
    Path dir = context.folder().model(arm.rewardFolder());
    try (Tokenizer policyTokenizer = Tokenizer.load(context.folder().model("sft"));
        RewardModels.Start start = RewardModels.start(config, context.folder(), policyTokenizer, arm.method().rewardLabels)) {
      if (arm.method() == Method.PPO) {
        Data<SentenceSample> data = data(context, "sentence.jsonl", policyTokenizer, start.encoder(),
            (input, label) -> new SentenceSample(input, label.sentence() == 1));
        train(context, dir, data, new SentenceRewardTrainer(start.model(), start.encoder().padId(), config.reward(), data.train(),
            config.seed()));
      } else {
        Data<RewardSample> data = data(context, "token.jsonl", policyTokenizer, start.encoder(),
            (input, label) -> new RewardSample(input, TokenClasses.of(input.spans(), label.words()), 1 + label.sentence()));
        train(context, dir, data, new TokenRewardTrainer(start.model(), start.encoder().padId(), config.reward(), data.train(),
            config.seed()));
      }
      RewardModels.save(start, config, dir);
    }
    TrainingLoop.clear(dir);
  }

  private <S> void train(RunContext<TppoConfig> context, Path dir, Data<S> data, RewardTrainer<S> trainer) throws IOException {
    try (trainer) {
      String task = arm.method() == Method.PPO ? "training the sentence-level reward model" : "training the reward model";
      TrainingLoop.run(context, dir, task, new Training<>(trainer, data.valid(), context.config().reward()));
      if (!data.valid().isEmpty()) {
        report(context, trainer.measure(data.valid()));
      }
    }
  }

  private void report(RunContext<TppoConfig> context, Map<String, Double> quality) {
    context.figure("auc_weighted", quality.get("eval/auc_weighted"));
    context.figure("eval_loss", quality.get("eval/loss"));
    String relevant = "";
    if (quality.containsKey("eval/auc_relevant")) {
      context.figure("auc_relevant", quality.get("eval/auc_relevant"));
      relevant = String.format(Locale.ROOT, "relevant against irrelevant %.3f, ", quality.get("eval/auc_relevant"));
    }
    context.message(String.format(Locale.ROOT, "%s on validation users: weighted AUC %.3f, %sloss %.3f",
        arm.method() == Method.PPO ? "sentence-level reward model" : "reward model", quality.get("eval/auc_weighted"), relevant,
        quality.get("eval/loss")));
  }

  private record Data<S>(List<S> train, List<S> valid) {}

  /** Labelled responses as inputs of the reward model; responses of validation users are kept apart. */
  private static <S> Data<S> data(RunContext<TppoConfig> context, String labels, Tokenizer policyTokenizer, RewardEncoder encoder,
      BiFunction<RewardInput, LabelledResponse, S> sample) throws IOException {
    Set<String> validUsers = new HashSet<>();
    for (Example example : PolicyModels.examples(context.folder(), "valid", 0)) {
      validUsers.add(example.user());
    }
    Data<S> data = new Data<>(new ArrayList<>(), new ArrayList<>());
    for (LabelledResponse label : LabelledResponse.read(context.folder().labels().resolve(labels))) {
      RewardInput input = encoder.encode(policyTokenizer.decode(label.promptIds(), true), label.text());
      (validUsers.contains(label.user()) ? data.valid : data.train).add(sample.apply(input, label));
    }
    return data;
  }

  private record Training<S>(RewardTrainer<S> trainer, List<S> valid, RewardConfig config) implements Trainable {
    @Override
    public long totalSteps() {
      return trainer.totalSteps();
    }

    @Override
    public Map<String, Double> step(long step) {
      Map<String, Double> metrics = trainer.step(step);
      if ((step + 1) % config.evalEvery() == 0 && !valid.isEmpty()) {
        metrics.putAll(trainer.measure(valid));
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
