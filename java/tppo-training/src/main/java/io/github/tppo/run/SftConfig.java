// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** Supervised fine-tuning of the policy on (history, true next queries): the GPT4Rec baseline (SPEC 2). */
public record SftConfig(
    @Doc("Where the weights start: default (the small policy that is bundled), random, induction (random but for two attention heads that copy), or the folder of a Hugging Face checkpoint")
        @PathKey(except = {"default", "random", "induction"}) String init,
    @Doc("Shape of the policy when init is random or induction") PolicyShape shape,
    @Doc("Passes over the training examples") double epochs,
    @Doc("Most optimiser steps, 0 = no bound") int maxSteps,
    @Doc("Examples in an optimiser step") int batchSize,
    @Doc("Weight of a prompt token in the loss; a response token weighs 1") double promptWeight,
    @Doc("Optimiser steps between two measurements on validation users") int evalEvery,
    ComputeConfig compute,
    OptimizerConfig optimizer) {

  public SftConfig {
    Check.require(init != null && !init.isBlank(), "init", init, "default, random, induction or a folder");
    Check.notNegative("epochs", epochs);
    Check.notNegative("max_steps", maxSteps);
    Check.atLeast("batch_size", batchSize, 1);
    Check.range("prompt_weight", promptWeight, 0, 1);
    Check.atLeast("eval_every", evalEvery, 1);
  }

  /** A decoder in Mistral's form. */
  public record PolicyShape(
      @Doc("Width of the residual stream") int hiddenSize,
      @Doc("Width of the feed-forward layers") int intermediateSize,
      @Doc("Layers") int layers,
      @Doc("Attention heads") int heads,
      @Doc("Key/value heads (grouped-query attention)") int kvHeads,
      @Doc("Base of the rotary position frequencies") double ropeTheta,
      @Doc("Longest sequence") int maxPositions) {

    public PolicyShape {
      Check.atLeast("hidden_size", hiddenSize, 2);
      Check.atLeast("intermediate_size", intermediateSize, 1);
      Check.atLeast("layers", layers, 1);
      Check.atLeast("heads", heads, 1);
      Check.atLeast("kv_heads", kvHeads, 1);
      Check.require(hiddenSize % heads == 0 && hiddenSize / heads % 2 == 0, "heads", heads,
          "a divisor of hidden_size " + hiddenSize + " that leaves an even head size");
      Check.require(heads % kvHeads == 0, "kv_heads", kvHeads, "a divisor of heads " + heads);
      Check.positive("rope_theta", ropeTheta);
      Check.atLeast("max_positions", maxPositions, 1);
    }
  }
}
