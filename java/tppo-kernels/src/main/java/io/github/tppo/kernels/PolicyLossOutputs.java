// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Outputs of {@link Kernels#policyLoss}; {@link DType#F32} [N] unless said otherwise, 0 at masked tokens.
 *
 * An output that is null is not computed or not stored.
 *
 * @param logprob log-probability of the target
 * @param entropy entropy in nats
 * @param ratio policy ratio to the old policy
 * @param objective clipped objective before aggregation
 * @param kl KL estimate to the reference; needs its log-probs
 * @param gradLogprob d loss / d logprob, entropy bonus left out
 * @param gradLogits d loss / d logits, [N, V] in the type of the logits; may be the logits themselves (in
 *     place)
 */
public record PolicyLossOutputs(
    NativeArray logprob, NativeArray entropy, NativeArray ratio, NativeArray objective, NativeArray kl,
    NativeArray gradLogprob, NativeArray gradLogits) {

  private static final PolicyLossOutputs NONE = new PolicyLossOutputs(null, null, null, null, null, null, null);

  /** Asks for no output but the statistics. */
  public static PolicyLossOutputs none() {
    return NONE;
  }

  /** Returns a copy with {@code logprob} replaced. */
  public PolicyLossOutputs withLogprob(NativeArray value) {
    return new PolicyLossOutputs(value, entropy, ratio, objective, kl, gradLogprob, gradLogits);
  }

  /** Returns a copy with {@code entropy} replaced. */
  public PolicyLossOutputs withEntropy(NativeArray value) {
    return new PolicyLossOutputs(logprob, value, ratio, objective, kl, gradLogprob, gradLogits);
  }

  /** Returns a copy with {@code ratio} replaced. */
  public PolicyLossOutputs withRatio(NativeArray value) {
    return new PolicyLossOutputs(logprob, entropy, value, objective, kl, gradLogprob, gradLogits);
  }

  /** Returns a copy with {@code objective} replaced. */
  public PolicyLossOutputs withObjective(NativeArray value) {
    return new PolicyLossOutputs(logprob, entropy, ratio, value, kl, gradLogprob, gradLogits);
  }

  /** Returns a copy with {@code kl} replaced. */
  public PolicyLossOutputs withKl(NativeArray value) {
    return new PolicyLossOutputs(logprob, entropy, ratio, objective, value, gradLogprob, gradLogits);
  }

  /** Returns a copy with {@code gradLogprob} replaced. */
  public PolicyLossOutputs withGradLogprob(NativeArray value) {
    return new PolicyLossOutputs(logprob, entropy, ratio, objective, kl, value, gradLogits);
  }

  /** Returns a copy with {@code gradLogits} replaced. */
  public PolicyLossOutputs withGradLogits(NativeArray value) {
    return new PolicyLossOutputs(logprob, entropy, ratio, objective, kl, gradLogprob, value);
  }
}
