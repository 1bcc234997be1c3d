// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Outputs of {@link Kernels#rewardModelLoss}.
 *
 * An output that is null is not computed or not stored.
 *
 * @param weightedNll {@link DType#F32} [N], class weight times negative log-likelihood
 * @param expectedValue {@link DType#F32} [N], expected class
 * @param argmax {@link DType#I32} [N], most likely class
 * @param meanArgmax {@link DType#F32} [B], mean of argmax over the global mask
 * @param meanExpected {@link DType#F32} [B], mean of the expected class over the global mask
 * @param gradLogits d loss / d logits, [N, 3] in the type of the logits; may be the logits themselves (in
 *     place)
 */
public record RewardModelLossOutputs(
    NativeArray weightedNll, NativeArray expectedValue, NativeArray argmax, NativeArray meanArgmax,
    NativeArray meanExpected, NativeArray gradLogits) {

  private static final RewardModelLossOutputs NONE = new RewardModelLossOutputs(null, null, null, null, null, null);

  /** Asks for no output but the statistics. */
  public static RewardModelLossOutputs none() {
    return NONE;
  }

  /** Returns a copy with {@code weightedNll} replaced. */
  public RewardModelLossOutputs withWeightedNll(NativeArray value) {
    return new RewardModelLossOutputs(value, expectedValue, argmax, meanArgmax, meanExpected, gradLogits);
  }

  /** Returns a copy with {@code expectedValue} replaced. */
  public RewardModelLossOutputs withExpectedValue(NativeArray value) {
    return new RewardModelLossOutputs(weightedNll, value, argmax, meanArgmax, meanExpected, gradLogits);
  }

  /** Returns a copy with {@code argmax} replaced. */
  public RewardModelLossOutputs withArgmax(NativeArray value) {
    return new RewardModelLossOutputs(weightedNll, expectedValue, value, meanArgmax, meanExpected, gradLogits);
  }

  /** Returns a copy with {@code meanArgmax} replaced. */
  public RewardModelLossOutputs withMeanArgmax(NativeArray value) {
    return new RewardModelLossOutputs(weightedNll, expectedValue, argmax, value, meanExpected, gradLogits);
  }

  /** Returns a copy with {@code meanExpected} replaced. */
  public RewardModelLossOutputs withMeanExpected(NativeArray value) {
    return new RewardModelLossOutputs(weightedNll, expectedValue, argmax, meanArgmax, value, gradLogits);
  }

  /** Returns a copy with {@code gradLogits} replaced. */
  public RewardModelLossOutputs withGradLogits(NativeArray value) {
    return new RewardModelLossOutputs(weightedNll, expectedValue, argmax, meanArgmax, meanExpected, value);
  }
}
