// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.model.Decoder;
import io.github.tppo.policy.PpoTrainer;
import io.github.tppo.policy.Prompt;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.reward.TokenRewardModel;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.RunException;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Token-level PPO of an arm: {@code tppo/}. */
final class TrainPolicyStage implements Stage<TppoConfig> {
  private static final int ADAPTERS = 1;
  private static final String REFERENCE = "reference.sha256";
  /** Samples of the SFT policy over which the mean reward for centring is taken. */
  private static final int CENTER_SAMPLES = 1024;

  private final Arm arm;

  TrainPolicyStage(Arm arm) {
    this.arm = arm;
  }

  @Override
  public String name() {
    return arm.stage("train-policy");
  }

  @Override
  public String command() {
    return "train-policy";
  }

  @Override
  public TppoConfig config(TppoConfig run) {
    return arm.config(run);
  }

  @Override
  public List<String> needs() {
    return List.of("prepare", "sft", "generate", "label", arm.rewardStage());
  }

  @Override
  public List<String> configKeys() {
    return List.of("seed", "text", "sampling", "policy", "lora", "save");
  }

  @Override
  public List<String> outputs() {
    return List.of(arm.folder());
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    Compute.prepare(context);
    TppoConfig config = context.config();
    Path dir = context.folder().model(arm.folder());
    Path sft = context.folder().model("sft");
    try (Tokenizer tokenizer = Tokenizer.load(sft);
        Decoder policy = PolicyModels.trainable(PolicyModels.trainedFrom(config, sft), config, ADAPTERS)) {
      train(context, tokenizer, policy, dir);
      PolicyModels.saveAdapters(policy, tokenizer, config, sft, dir);
      PolicyModels.save(policy, tokenizer, config, dir);
    }
    TrainingLoop.clear(dir);
  }

  private void train(RunContext<TppoConfig> context, Tokenizer tokenizer, Decoder policy, Path dir) throws IOException {
    TppoConfig config = context.config();
    Path sft = context.folder().model("sft");
    // without its adapters the policy is the reference; trained whole, it needs another copy
    try (Decoder reference = policy.lora() == null ? Decoder.load(sft) : policy.base();
        RewardModels.Start reward = RewardModels.load(context.folder().model(arm.rewardFolder()))) {
      TokenRewardModel uncentred = new TokenRewardModel(reward.model(), reward.encoder(), tokenizer, config.policy(),
          config.data().targets(), 0);
      double center = config.policy().centerRewards() ? meanReward(context, tokenizer, uncentred) : 0;
      TokenRewarder rewarder = new TokenRewardModel(reward.model(), reward.encoder(), tokenizer, config.policy(),
          config.data().targets(), center);
      List<Prompt> prompts = new ArrayList<>();
      for (Example example : PolicyModels.examples(context.folder(), "train", 0)) {
        int[] ids = config.text().prompt().promptIds(tokenizer, example.history(), config.text().maxPromptTokens());
        prompts.add(new Prompt(ids, tokenizer.decode(ids, true)));
      }
      double suggestedLength = GenerateStage.suggestedLength(context.folder().generate());
      try (PpoTrainer trainer = new PpoTrainer(policy, reference, rewarder, config.policy(), config.sampling(), prompts,
          suggestedLength, tokenizer.eosId(), tokenizer.padId(), config.seed())) {
        long start = System.nanoTime();
        Training training = new Training(trainer, config, new Validation(context, policy, tokenizer, config.policy().evalExamples(), 1),
            PolicyModels.fingerprint(sft));
        TrainingLoop.run(context, dir, arm.name().equals("tppo") ? "token-level PPO" : "token-level PPO, " + arm.name(), training);
        context.figure("tokens_per_s", training.tokens / ((System.nanoTime() - start) * 1e-9));
      }
    }
  }

  /** Mean reward of the content tokens of the SFT policy's samples. */
  private static double meanReward(RunContext<TppoConfig> context, Tokenizer tokenizer, TokenRewardModel rewarder)
      throws IOException {
    List<TokenRewarder.Response> responses = SampledResponse.read(GenerateStage.file(context.folder().generate())).stream()
        .limit(CENTER_SAMPLES)
        .map(r -> new TokenRewarder.Response(tokenizer.decode(r.promptIds(), true), r.responseIds())).toList();
    double sum = 0;
    long count = 0;
    for (TokenRewardModel.Scored scored : rewarder.score(responses)) {
      for (int i = 0; i < scored.classes().length; i++) {
        if (scored.classes()[i] > 0) {
          sum += scored.rewards()[i];
          count++;
        }
      }
    }
    return sum / Math.max(1, count);
  }

  private static final class Training implements Trainable {
    private final PpoTrainer trainer;
    private final TppoConfig config;
    private final Validation validation;
    /** What the reference was read from; a run that goes on must have the same (INVARIANTS 10). */
    private final String reference;
    /** Response tokens that were sampled and trained on since the process began. */
    private double tokens;

    Training(PpoTrainer trainer, TppoConfig config, Validation validation, String reference) {
      this.trainer = trainer;
      this.config = config;
      this.validation = validation;
      this.reference = reference;
    }

    @Override
    public long totalSteps() {
      return config.policy().steps();
    }

    @Override
    public Map<String, Double> step(long step) {
      Map<String, Double> metrics = trainer.round(step);
      tokens += metrics.get("response/length_mean") * config.policy().rolloutSize();
      int every = config.policy().evalEvery();
      if (every > 0 && (step + 1) % every == 0) {
        validation.addTo(metrics);
      }
      return metrics;
    }

    @Override
    public String note(Map<String, Double> metrics) {
      return String.format(Locale.ROOT, "score %.2f, KL %.2f", metrics.get("objective/scores"),
          metrics.get("objective/kl"));
    }

    @Override
    public boolean finished(Map<String, Double> metrics) {
      double most = config.policy().maxKl();
      return most > 0 && metrics.get("objective/kl") > most;
    }

    @Override
    public void save(Path folder) throws IOException {
      trainer.save(folder);
      Files.writeString(folder.resolve(REFERENCE), reference);
    }

    @Override
    public void load(Path folder) throws IOException {
      if (!Files.readString(folder.resolve(REFERENCE)).equals(reference)) {
        throw new RunException("train-policy: the weights in sft/ are not those that training began with, which are the reference of"
            + " the KL penalty; put them back, or delete the policy's folder to begin anew");
      }
      trainer.load(folder);
    }
  }
}
