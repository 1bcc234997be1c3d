// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/** How the local loss of the reward model is averaged (equation 1). */
public enum LocalReduction {
  /** Sum over valid tokens of {@code w_y * nll} / number of samples: equation 1. */
  SUM_OVER_N(0),
  /** The same sum / sum of {@code w_y}: CrossEntropyLoss(weight) of torch. */
  WEIGHTED_MEAN(1);

  private final int code;

  LocalReduction(int code) {
    this.code = code;
  }

  /** Value in the C API. */
  int code() {
    return code;
  }
}
