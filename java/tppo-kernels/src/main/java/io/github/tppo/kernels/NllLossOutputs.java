// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Outputs of {@link Kernels#nllLoss}; 0 at masked tokens.
 *
 * An output that is null is not computed or not stored.
 *
 * @param logprob {@link DType#F32} [N], log-probability of the target
 * @param entropy {@link DType#F32} [N], nats
 * @param gradLogits d loss / d logits, [N, V] in the type of the logits; may be the logits themselves (in
 *     place)
 */
public record NllLossOutputs(
    NativeArray logprob, NativeArray entropy, NativeArray gradLogits) {

  private static final NllLossOutputs NONE = new NllLossOutputs(null, null, null);

  /** Asks for no output but the statistics. */
  public static NllLossOutputs none() {
    return NONE;
  }

  /** Returns a copy with {@code logprob} replaced. */
  public NllLossOutputs withLogprob(NativeArray value) {
    return new NllLossOutputs(value, entropy, gradLogits);
  }

  /** Returns a copy with {@code entropy} replaced. */
  public NllLossOutputs withEntropy(NativeArray value) {
    return new NllLossOutputs(logprob, value, gradLogits);
  }

  /** Returns a copy with {@code gradLogits} replaced. */
  public NllLossOutputs withGradLogits(NativeArray value) {
    return new NllLossOutputs(logprob, entropy, value);
  }
}
