// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Inputs of {@link Kernels#shapeRewards}; N tokens, B sequences. Exactly one of {@code classes} and {@code scores}
 * is given.
 *
 * @param classes {@link DType#I32} [N], predicted class 0, 1 or 2
 * @param scores {@link DType#F32} [N], reward of each token instead of a class
 * @param positions {@link DType#I32} [N], l of each token; null counts valid tokens of the sequence from 1
 * @param logprobs {@link DType#F32} [N], log-probs under the policy; null for no KL penalty
 * @param refLogprobs {@link DType#F32} [N], log-probs under the reference
 * @param terminalRewards {@link DType#F32} [B], added at the last valid token of each sequence; null for none
 */
public record ShapeRewardsInputs(
    NativeArray classes, NativeArray scores, NativeArray positions, NativeArray logprobs,
    NativeArray refLogprobs, NativeArray terminalRewards) {

  /** Rewards by class. */
  public static ShapeRewardsInputs ofClasses(NativeArray classes) {
    return new ShapeRewardsInputs(classes, null, null, null, null, null);
  }

  /** Rewards as given, for instance by a model that scores. */
  public static ShapeRewardsInputs ofScores(NativeArray scores) {
    return new ShapeRewardsInputs(null, scores, null, null, null, null);
  }

  /** Returns a copy with the two log-probs of the KL penalty replaced. */
  public ShapeRewardsInputs withLogprobs(NativeArray policy, NativeArray reference) {
    return new ShapeRewardsInputs(classes, scores, positions, policy, reference, terminalRewards);
  }

  /** Returns a copy with {@code positions} replaced. */
  public ShapeRewardsInputs withPositions(NativeArray value) {
    return new ShapeRewardsInputs(classes, scores, value, logprobs, refLogprobs, terminalRewards);
  }

  /** Returns a copy with {@code terminalRewards} replaced. */
  public ShapeRewardsInputs withTerminalRewards(NativeArray value) {
    return new ShapeRewardsInputs(classes, scores, positions, logprobs, refLogprobs, value);
  }
}
