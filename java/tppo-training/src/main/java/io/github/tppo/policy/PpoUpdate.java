// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.PolicyLossStats;
import io.github.tppo.model.StepResult;

/**
 * What one mini-batch did. Arrays are packed over the tokens of {@code responses}, in their order, and hold what was computed before
 * the weights moved.
 *
 * @param responses of the rollout, in the order in which they were computed
 * @param critic null where no token counts: then the mini-batch is skipped
 * @param policy null where no token counts, and in the critic's warm-up
 */
record PpoUpdate(int[] responses, Critic.Step critic, PolicyStep policy) {

  /**
   * @param logprobs under the policy in training, 0 at masked tokens; as are the others
   * @param entropies of its distributions
   * @param ratios to the policy that sampled
   */
  record PolicyStep(PolicyLossStats loss, StepResult optimizer, float[] logprobs, float[] entropies, float[] ratios) {}

  /** Whether there was nothing to learn from: weights and moments stay as they are. */
  boolean skipped() {
    return critic == null;
  }

  /** Whether a gradient was not finite, so that its step was not taken. */
  boolean bad() {
    return critic != null && !critic.optimizer().applied() || policy != null && !policy.optimizer().applied();
  }
}
