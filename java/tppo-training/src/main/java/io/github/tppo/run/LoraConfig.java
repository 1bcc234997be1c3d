// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.List;

/** Training of low-rank adapters in place of all weights. */
@Doc("Low-rank adapters (LoRA): fine-tuning and policy training then change these alone, and policy, reference and critic share one copy"
    + " of the weights. They want larger learning rates than full training, about ten times")
public record LoraConfig(
    @Doc("Rank of the adapters; 0 = off, all weights are trained") int r,
    @Doc("Numerator of the scale alpha / r at which an adapter adds to its projection") double alpha,
    @Doc("Scale alpha / sqrt(r) instead (rank stabilisation), so that higher ranks learn as fast") boolean useRslora,
    @Doc("Projections with adapters: names such as q_proj and v_proj, or all-linear alone for all of attention and MLP")
        List<String> targetModules) {
  private static final int MOST = 4096;

  public LoraConfig {
    Check.require(r >= 0 && r <= MOST, "r", r, "an integer from 0 (off) to " + MOST);
    Check.require(alpha > 0 && alpha <= Float.MAX_VALUE, "alpha", alpha, "a number above 0 in the range of float32");
    Check.require(targetModules != null && !targetModules.isEmpty()
        && targetModules.stream().noneMatch(name -> name == null || name.isBlank()), "target_modules", targetModules, "names");
    targetModules = List.copyOf(targetModules);
  }

  /** Off; switched on, rank 16 would have scale 1. */
  public static LoraConfig defaults() {
    return new LoraConfig(0, 16, false, List.of("all-linear"));
  }

  /** Whether adapters are trained and not all weights. */
  public boolean on() {
    return r > 0;
  }
}
