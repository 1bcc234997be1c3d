// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

/** The coefficient of the KL penalty: fixed, or steered to a target (Ziegler et al. 2019), as in TRL and veRL. */
final class KlController {
  private final double target;
  private final int horizon;
  private double coefficient;

  /** @param target KL per response; 0 = the coefficient stays */
  KlController(double coefficient, double target, int horizon) {
    this.coefficient = coefficient;
    this.target = target;
    this.horizon = horizon;
  }

  double coefficient() {
    return coefficient;
  }

  /** Takes up the measured KL per response of a round of {@code responses}. */
  void update(double kl, int responses) {
    if (target > 0) {
      double error = Math.max(-0.2, Math.min(0.2, kl / target - 1));
      coefficient *= 1 + error * responses / horizon;
    }
  }

  /** Sets the coefficient back to that of a checkpoint. */
  void restore(double saved) {
    coefficient = saved;
  }
}
