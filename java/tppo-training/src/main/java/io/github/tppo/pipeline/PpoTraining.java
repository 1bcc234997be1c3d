// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.model.Decoder;
import io.github.tppo.policy.PpoTrainer;
import io.github.tppo.policy.Prompt;
import io.github.tppo.policy.RolloutFiles;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.policy.TokenRewarder.Response;
import io.github.tppo.reward.SentenceRewardModel;
import io.github.tppo.reward.TokenRewardModel;
import io.github.tppo.run.PolicyConfig;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** PPO of a policy; token-level and sentence-level PPO differ in their rewarder alone. */
final class PpoTraining implements PolicyTraining {
  /** Samples of the SFT policy over which the mean reward for centring is taken. */
  private static final int CENTER_SAMPLES = 1024;

  private final RewardModels.Start reward;
  private final PpoTrainer trainer;
  private final PolicyConfig config;
  private final Validation validation;
  private final SftReference sft;
  private final RolloutFiles rollouts;
  private final boolean dumpRollouts;
  private boolean begun;
  private double tokens;

  private PpoTraining(RewardModels.Start reward, PpoTrainer trainer, PolicyConfig config, Validation validation, SftReference sft,
      RolloutFiles rollouts, boolean dumpRollouts) {
    this.reward = reward;
    this.trainer = trainer;
    this.config = config;
    this.validation = validation;
    this.sft = sft;
    this.rollouts = rollouts;
    this.dumpRollouts = dumpRollouts;
  }

  /** @param validation every {@code policy.eval_every} steps; null for never */
  static PpoTraining of(RunContext<TppoConfig> context, Arm arm, Tokenizer tokenizer, Decoder policy, Decoder reference, SftReference sft,
      Validation validation) throws IOException {
    TppoConfig config = context.config();
    RewardModels.Start reward = RewardModels.load(context.folder().model(arm.rewardFolder()), arm.method().rewardLabels);
    try {
      List<Prompt> prompts = new ArrayList<>();
      for (Example example : PolicyModels.examples(context.folder(), "train", 0)) {
        int[] ids = config.text().prompt().promptIds(tokenizer, example.history(), config.text().maxPromptTokens());
        prompts.add(new Prompt(ids, tokenizer.decode(ids, true)));
      }
      TokenRewarder rewarder = arm.method() == Method.PPO ? sentences(context, tokenizer, reward) : tokens(context, tokenizer, reward);
      double suggestedLength = GenerateStage.suggestedLength(context.folder().generate());
      return new PpoTraining(reward, new PpoTrainer(policy, reference, rewarder, config.policy(), config.sampling(), prompts,
          suggestedLength, tokenizer.eosId(), tokenizer.padId(), config.seed()), config.policy(), validation, sft,
          new RolloutFiles(context.folder().model(arm.folder())), context.dumpRollouts());
    } catch (IOException | RuntimeException e) {
      reward.close();
      throw e;
    }
  }

  /** Centred on the mean reward of the content tokens of the SFT policy's samples, if that is asked for. */
  private static TokenRewarder tokens(RunContext<TppoConfig> context, Tokenizer tokenizer, RewardModels.Start reward) throws IOException {
    PolicyConfig config = context.config().policy();
    int queries = context.config().data().targets();
    TokenRewardModel uncentred = new TokenRewardModel(reward.model(), reward.encoder(), tokenizer, config, queries, 0);
    if (!config.centerRewards()) {
      return uncentred;
    }
    double sum = 0;
    long count = 0;
    for (TokenRewardModel.Scored scored : uncentred.score(samples(context, tokenizer))) {
      for (int i = 0; i < scored.classes().length; i++) {
        if (scored.classes()[i] > 0) {
          sum += scored.rewards()[i];
          count++;
        }
      }
    }
    return new TokenRewardModel(reward.model(), reward.encoder(), tokenizer, config, queries, sum / Math.max(1, count));
  }

  /** Centred on the mean score of the SFT policy's samples, if that is asked for. */
  private static TokenRewarder sentences(RunContext<TppoConfig> context, Tokenizer tokenizer, RewardModels.Start reward)
      throws IOException {
    PolicyConfig config = context.config().policy();
    int queries = context.config().data().targets();
    SentenceRewardModel uncentred = new SentenceRewardModel(reward.model(), reward.encoder(), tokenizer, config, queries, 0);
    if (!config.centerRewards()) {
      return uncentred;
    }
    double mean = uncentred.score(samples(context, tokenizer)).stream().mapToDouble(SentenceRewardModel.Scored::probability)
        .average().orElse(0);
    return new SentenceRewardModel(reward.model(), reward.encoder(), tokenizer, config, queries, mean);
  }

  private static List<Response> samples(RunContext<TppoConfig> context, Tokenizer tokenizer) throws IOException {
    return SampledResponse.read(GenerateStage.file(context.folder().generate())).stream().limit(CENTER_SAMPLES)
        .map(r -> new Response(tokenizer.decode(r.promptIds(), true), r.responseIds())).toList();
  }

  @Override
  public long totalSteps() {
    return config.steps();
  }

  @Override
  public Map<String, Double> step(long step) throws IOException {
    if (!begun) {
      rollouts.keep(step); // as the lines of the metrics
      begun = true;
    }
    Map<String, Double> metrics = dumpRollouts ? trainer.round(step, rollouts) : trainer.round(step);
    tokens += metrics.get("response/length_mean") * config.rolloutSize();
    if (validation != null && (step + 1) % config.evalEvery() == 0) {
      validation.addTo(metrics);
    }
    return metrics;
  }

  @Override
  public String note(Map<String, Double> metrics) {
    return String.format(Locale.ROOT, "score %.2f, KL %.2f", metrics.get("objective/scores"), metrics.get("objective/kl"));
  }

  @Override
  public boolean finished(Map<String, Double> metrics) {
    return config.maxKl() > 0 && metrics.get("objective/kl") > config.maxKl();
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
    try (reward) {
      trainer.close();
    }
  }
}
