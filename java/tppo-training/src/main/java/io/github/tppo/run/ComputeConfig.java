// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import io.github.tppo.model.Precision;

/** How the passes of training compute, the same settings for every model that is trained; docs/memory.md says what each saves. */
@Doc("What a training step holds in memory at a time; results are the same but for rounding (docs/memory.md)")
public record ComputeConfig(
    @Doc("Most sequences in a forward and backward pass, of which two run side by side; the gradients of a batch are summed up over its"
        + " passes. 0 = the batch at once")
        int microBatchSize,
    @Doc("Hold the input of each layer alone and compute the rest again on the way back: far less memory, a third more work")
        boolean gradientCheckpointing,
    @Doc("Arithmetic of the projections: float32, or bfloat16 with weights, gradients, norms, attention and losses in float32")
        Precision precision) {

  public ComputeConfig {
    Check.notNegative("micro_batch_size", microBatchSize);
    Check.require(precision != null, "precision", null, "float32 or bfloat16");
  }

  /** Whole batches, everything held, float32. */
  public static ComputeConfig defaults() {
    return new ComputeConfig(0, false, Precision.FLOAT32);
  }

  /** The same in passes of at most so many sequences. */
  public ComputeConfig withMicroBatchSize(int most) {
    return new ComputeConfig(most, gradientCheckpointing, precision);
  }
}
