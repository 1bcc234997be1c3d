// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** How the checkpoints of a run, policies and reward models, are stored. */
public record SaveConfig(
    @Doc("Type of the saved weights: float32, or bfloat16 or float16 for half the size (training itself keeps float32)")
        Weights weights,
    @Doc("Most GB (1e9 bytes) of weights in one file; a larger checkpoint has several and an index") double shardGb) {

  /** Types of saved weights. */
  public enum Weights { FLOAT32, BFLOAT16, FLOAT16 }

  public SaveConfig {
    Check.require(weights != null, "weights", null, "float32, bfloat16 or float16");
    Check.positive("shard_gb", shardGb);
  }
}
