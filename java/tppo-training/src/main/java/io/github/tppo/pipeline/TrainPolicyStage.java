// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.judge.Judges;
import io.github.tppo.model.Decoder;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Trains the policy of an arm: {@code tppo/}, {@code ppo/}, {@code dpo/}. */
final class TrainPolicyStage implements Stage<TppoConfig> {
  private static final int ADAPTERS = 1;

  private final Arm arm;

  TrainPolicyStage(Arm arm) {
    this.arm = arm;
  }

  @Override
  public String name() {
    return arm.policyStage();
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
    List<String> needs = new ArrayList<>(List.of("prepare", "sft", "generate"));
    if (arm.method().hasReward()) {
      needs.addAll(List.of("label", arm.rewardStage()));
    }
    return needs;
  }

  @Override
  public List<String> configKeys() {
    return arm.method() == Method.DPO ? List.of("seed", "text", "sampling", "dpo", "policy.eval_examples", "lora", "save")
        : List.of("seed", "text", "sampling", "policy", "lora", "save");
  }

  @Override
  public List<String> outputs() {
    return List.of(arm.folder());
  }

  @Override
  public void check(TppoConfig config) throws IOException {
    if (arm.method() == Method.PPO && config.policy().onlyLabelledTokens()) {
      throw new ConfigException("policy.only_labelled_tokens: the sentence-level reward model labels no token; set "
          + "experiment.arms.ppo to [policy.only_labelled_tokens=false]");
    }
    if (validates(config)) {
      Judges.check(config.judge());
    }
  }

  private boolean validates(TppoConfig config) {
    return (arm.method() == Method.DPO ? config.dpo().evalEvery() : config.policy().evalEvery()) > 0;
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
    Path sft = context.folder().model("sft");
    SftReference same = SftReference.of(name(), arm.folder(), sft);
    // without its adapters the policy is the reference; trained whole, it needs another copy
    try (Decoder reference = policy.lora() == null ? Decoder.load(sft) : policy.base();
        Validation validation = validates(context.config())
            ? new Validation(context, policy, tokenizer, context.config().policy().evalExamples(), 1) : null;
        PolicyTraining training = arm.method() == Method.DPO
            ? DpoTraining.of(context, tokenizer, policy, reference, same, validation)
            : PpoTraining.of(context, arm, tokenizer, policy, reference, same, validation)) {
      long start = System.nanoTime();
      TrainingLoop.run(context, dir, arm.title(), training);
      context.figure("tokens_per_s", training.tokens() / ((System.nanoTime() - start) * 1e-9));
    }
  }
}
