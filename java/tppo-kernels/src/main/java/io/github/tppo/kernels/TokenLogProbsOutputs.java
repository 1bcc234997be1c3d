// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Outputs of {@link Kernels#tokenLogProbs}, per token, {@link DType#F32} [N]; 0 at masked tokens.
 *
 * An output that is null is not computed or not stored.
 *
 * @param logprob log-probability of the target
 * @param entropy entropy of the distribution in nats
 */
public record TokenLogProbsOutputs(
    NativeArray logprob, NativeArray entropy) {

  private static final TokenLogProbsOutputs NONE = new TokenLogProbsOutputs(null, null);

  /** Asks for no output but the statistics. */
  public static TokenLogProbsOutputs none() {
    return NONE;
  }

  /** Returns a copy with {@code logprob} replaced. */
  public TokenLogProbsOutputs withLogprob(NativeArray value) {
    return new TokenLogProbsOutputs(value, entropy);
  }

  /** Returns a copy with {@code entropy} replaced. */
  public TokenLogProbsOutputs withEntropy(NativeArray value) {
    return new TokenLogProbsOutputs(logprob, value);
  }
}
