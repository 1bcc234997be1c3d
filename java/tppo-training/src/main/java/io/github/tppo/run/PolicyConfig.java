// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import io.github.tppo.kernels.Aggregation;
import io.github.tppo.kernels.KlEstimator;
import java.util.List;

/** Token-level PPO (SPEC 5 and 6); sentence-level PPO has the same settings but for what is about the rewards of tokens. */
public record PolicyConfig(
    @Doc("Rounds of: sample responses, score them, update the policy") int steps,
    @Doc("Responses sampled in a round") int rolloutSize,
    @Doc("Responses in an optimiser step") int batchSize,
    @Doc("Passes over the responses of a round") int epochs,
    @Doc("Reward of the predicted classes 0, 1, 2; as printed in the paper [0, 1, 2]") List<Double> classValues,
    @Doc("Subtract the SFT policy's mean reward of a content token from the values of classes 1 and 2; at the sentence level, its mean"
        + " score from the score") boolean centerRewards,
    @Doc("Reward the expected value of the class instead of the most likely class") boolean expectedClass,
    @Doc("Share a word's reward out over its tokens, so that long words do not pay more") boolean perWord,
    @Doc("Multiply rewards by the sigmoid length penalty, equation 4") boolean lengthPenalty,
    @Doc("Steepness of the length penalty") double alpha,
    @Doc("Subtracted at the last token of a response that has no end token (as TRL's missing_eos_penalty) or not the number of"
        + " different queries asked for; 0 = off") double formPenalty,
    @Doc("Only tokens of class 1 and 2 enter the policy loss and the KL (3.2, literally); by default every response token does")
        boolean onlyLabelledTokens,
    @Doc("Weight beta of the KL penalty against the SFT policy in the reward, equation 5") double klCoef,
    @Doc("KL estimator of the penalty: k1, k2 or k3") KlEstimator klEstimator,
    @Doc("KL per response that an adaptive coefficient steers to; 0 = the coefficient is fixed") double klTarget,
    @Doc("Responses over which the adaptive coefficient acts") int klHorizon,
    @Doc("Stop when the KL per response is above this; 0 = never") double maxKl,
    @Doc("Discount of later rewards") double gamma,
    @Doc("Bias against variance in the advantages (GAE)") double lambda,
    @Doc("Shift and scale advantages to mean 0, variance 1 over a round's valid tokens") boolean whiten,
    @Doc("Ratio is clipped below at 1 - clip_low") double clipLow,
    @Doc("Ratio is clipped above at 1 + clip_high") double clipHigh,
    @Doc("Lower bound c * A of the objective of negative advantages, above 1; 0 = off") double dualClip,
    @Doc("Mean of the loss: token_mean, seq_mean_token_mean or seq_mean_token_sum") Aggregation aggregation,
    @Doc("Weight of the entropy bonus") double entropyCoef,
    @Doc("Values may move this far from the old ones before their loss is clipped; 0 = no clipping") double valueClip,
    @Doc("Rounds at the start in which only the critic learns") int criticWarmup,
    @Doc("Rounds between two measurements of the judge's score on validation users; 0 = never") int evalEvery,
    @Doc("Validation examples of that measurement") int evalExamples,
    @Doc("What an update of policy or critic holds in memory at a time; reference and critic compute in the policy's precision")
        ComputeConfig compute,
    OptimizerConfig optimizer,
    @Doc("Optimiser of the critic") OptimizerConfig criticOptimizer) {

  public PolicyConfig {
    Check.atLeast("steps", steps, 0);
    Check.atLeast("rollout_size", rolloutSize, 1);
    Check.atLeast("batch_size", batchSize, 1);
    Check.require(batchSize <= rolloutSize, "batch_size", batchSize, "at most rollout_size " + rolloutSize);
    Check.atLeast("epochs", epochs, 1);
    Check.require(classValues != null && classValues.size() == 3
        && classValues.stream().allMatch(v -> v != null && Math.abs(v) <= Check.LARGEST),
        "class_values", classValues, "three numbers of at most 1e30");
    classValues = List.copyOf(classValues);
    Check.range("alpha", alpha, 0, 1e6);
    Check.setting("form_penalty", formPenalty);
    Check.setting("kl_coef", klCoef);
    Check.notNegative("kl_target", klTarget);
    Check.atLeast("kl_horizon", klHorizon, 1);
    Check.notNegative("max_kl", maxKl);
    Check.range("gamma", gamma, 0, 1);
    Check.range("lambda", lambda, 0, 1);
    Check.range("clip_low", clipLow, 0, 1);
    Check.setting("clip_high", clipHigh);
    Check.require(dualClip == 0 || dualClip > 1 && dualClip <= Check.LARGEST, "dual_clip", dualClip, "0 (off) or a number above 1, at most 1e30");
    Check.setting("entropy_coef", entropyCoef);
    Check.setting("value_clip", valueClip);
    Check.notNegative("critic_warmup", criticWarmup);
    Check.notNegative("eval_every", evalEvery);
    Check.atLeast("eval_examples", evalExamples, 1);
  }
}
