// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import io.github.tppo.kernels.GlobalMode;
import io.github.tppo.kernels.LocalReduction;
import java.util.List;

/** Training of the token-level reward model (SPEC 4), and with what is not about tokens of the sentence-level one. */
public record RewardConfig(
    @Doc("Where the weights start: matching (random, but for embeddings of the policy and a first layer that finds equal tokens),"
        + " random, or the folder of a Longformer checkpoint with three labels (one for the sentence level)") @PathKey(except = {"matching", "random"}) String init,
    @Doc("Shape of the Longformer when init is matching or random") LongformerShape shape,
    @Doc("Passes over the labelled responses") double epochs,
    @Doc("Responses in an optimiser step") int batchSize,
    @Doc("Weight of the local loss, equation 1") double localWeight,
    @Doc("Weight of the global loss, equation 2") double globalWeight,
    @Doc("Local loss: sum_over_n (equation 1) or weighted_mean (of the tokens)") LocalReduction localReduction,
    @Doc("Global loss: straight_through, expected, or argmax (as printed: no gradient)") GlobalMode globalMode,
    @Doc("Tokens whose mean is the global score: labelled (class 1 and 2) or valid (separators too)") GlobalTokens globalTokens,
    @Doc("Weights of the classes 0 (none), 1 (irrelevant), 2 (relevant) in the local loss") List<Double> classWeights,
    @Doc("The larger of the classes 1 and 2 keeps at most this many tokens (at the sentence level: responses) for each of the smaller")
        double balanceRatio,
    @Doc("Optimiser steps between two measurements on validation users") int evalEvery,
    ComputeConfig compute,
    OptimizerConfig optimizer) {

  /** Tokens of the mean in equation 2. */
  public enum GlobalTokens { LABELLED, VALID }

  public RewardConfig {
    Check.require(init != null && !init.isBlank(), "init", init, "matching, random or a folder");
    Check.positive("epochs", epochs);
    Check.atLeast("batch_size", batchSize, 1);
    Check.range("local_weight", localWeight, 0, 1);
    Check.range("global_weight", globalWeight, 0, 1);
    Check.require(classWeights != null && classWeights.size() == 3
        && classWeights.stream().allMatch(v -> v != null && v >= 0 && v <= Check.LARGEST),
        "class_weights", classWeights, "three numbers from 0 to 1e30");
    classWeights = List.copyOf(classWeights);
    Check.range("balance_ratio", balanceRatio, 1, Check.LARGEST);
    Check.atLeast("eval_every", evalEvery, 1);
  }

  /** A Longformer encoder. */
  public record LongformerShape(
      @Doc("Width of the residual stream") int hiddenSize,
      @Doc("Width of the feed-forward layers") int intermediateSize,
      @Doc("Layers") int layers,
      @Doc("Attention heads") int heads,
      @Doc("Tokens that a token sees around itself, both sides together (even)") int attentionWindow,
      @Doc("Most tokens of prompt and response together") int maxTokens) {

    public LongformerShape {
      Check.atLeast("hidden_size", hiddenSize, 2);
      Check.atLeast("intermediate_size", intermediateSize, 1);
      Check.atLeast("layers", layers, 1);
      Check.atLeast("heads", heads, 1);
      Check.require(hiddenSize % heads == 0, "heads", heads, "a divisor of hidden_size " + hiddenSize);
      Check.require(attentionWindow >= 2 && attentionWindow % 2 == 0, "attention_window", attentionWindow,
          "an even integer of at least 2");
      Check.atLeast("max_tokens", maxTokens, 4);
    }
  }
}
