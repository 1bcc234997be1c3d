// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import io.github.tppo.data.DataConfig;
import io.github.tppo.judge.JudgeConfig;
import io.github.tppo.kernels.Aggregation;
import io.github.tppo.kernels.GlobalMode;
import io.github.tppo.kernels.KlEstimator;
import io.github.tppo.kernels.LocalReduction;
import io.github.tppo.run.OptimizerConfig.Schedule;
import io.github.tppo.text.PromptFormat;
import java.util.List;

/** Everything that decides a run; the stages are pure functions of it, of their input files and of the seed. */
public record TppoConfig(
    @Doc("Seed of every random choice; same seed, same results") long seed,
    @Doc("CPU threads of libtorch and of the kernels; 0 = all cores") int threads,
    DataConfig data,
    TextConfig text,
    SftConfig sft,
    LoraConfig lora,
    SamplingConfig sampling,
    GenerateConfig generate,
    JudgeConfig judge,
    RewardConfig reward,
    PolicyConfig policy,
    DpoConfig dpo,
    EvaluationConfig evaluation,
    ExperimentConfig experiment,
    SearchConfig search,
    SaveConfig save) {

  public TppoConfig {
    Check.notNegative("threads", threads);
    int longest = text.maxPromptTokens() + sampling.maxNewTokens();
    boolean ownReward = reward.init().equals("matching") || reward.init().equals("random");
    Check.require(!ownReward || longest + 1 <= reward.shape().maxTokens(), "reward.shape.max_tokens", reward.shape().maxTokens(),
        "at least " + (longest + 1) + ", for text.max_prompt_tokens, sampling.max_new_tokens and an end token");
    boolean ownPolicy = sft.init().equals("induction") || sft.init().equals("random");
    Check.require(!ownPolicy || longest <= sft.shape().maxPositions(), "sft.shape.max_positions", sft.shape().maxPositions(),
        "at least " + longest + ", for text.max_prompt_tokens and sampling.max_new_tokens");
  }

  /** The same with another seed and another experiment. */
  public TppoConfig withSeed(long otherSeed, ExperimentConfig otherExperiment) {
    return new TppoConfig(otherSeed, threads, data, text, sft, lora, sampling, generate, judge, reward, policy, dpo, evaluation,
        otherExperiment, search, save);
  }

  /** Settings for a small policy on a laptop, where they differ from the paper's found on the bundled log. */
  public static TppoConfig defaults() {
    return new TppoConfig(1, 0,
        DataConfig.defaults(),
        new TextConfig("default", PromptFormat.defaults(), 96),
        new SftConfig("default", new SftConfig.PolicyShape(128, 384, 4, 2, 2, 1_000_000, 512),
            1, 0, 32, 0.1, 100, ComputeConfig.defaults(), OptimizerConfig.of(3e-4, 20, Schedule.LINEAR)),
        LoraConfig.defaults(),
        new SamplingConfig(0.6, 48, 64),
        new GenerateConfig(5_000, 600, 1),
        JudgeConfig.defaults(),
        new RewardConfig("matching", new RewardConfig.LongformerShape(128, 256, 2, 4, 256, 256),
            1, 32, 0.4, 0.6, LocalReduction.SUM_OVER_N, GlobalMode.STRAIGHT_THROUGH,
            RewardConfig.GlobalTokens.LABELLED, List.of(1.0, 1.0, 1.0), 3, 50, ComputeConfig.defaults(),
            new OptimizerConfig(2e-3, 50, Schedule.LINEAR, 0.9, 0.98, 1e-8, 0.01, 1.0)),
        new PolicyConfig(60, 128, 64, 1, List.of(0.0, 0.0, 1.0), true, true, false, true, 2, 3, false,
            0.15, KlEstimator.K1, 0, 10_000, 0, 1, 0.95, true, 0.2, 0.2, 0,
            Aggregation.TOKEN_MEAN, 0, 0.2, 2, 10, 200,
            ComputeConfig.defaults().withMicroBatchSize(16), // responses of a pass are about equally long: little padding
            OptimizerConfig.of(2e-4, 0, Schedule.CONSTANT), OptimizerConfig.of(1e-3, 0, Schedule.CONSTANT)),
        DpoConfig.defaults(),
        new EvaluationConfig(0, 4, 10_000, 24),
        ExperimentConfig.defaults(),
        SearchConfig.defaults(),
        new SaveConfig(SaveConfig.Weights.FLOAT32, 5));
  }
}
