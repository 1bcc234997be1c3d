// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;

/**
 * What {@link Kernels#sampleTokens} counted.
 *
 * @param logprob sum of the log-probabilities of the chosen tokens
 * @param badRows rows without a distribution (NaN, +inf or nothing but -inf); their id is -1
 */
public record SampleTokensStats(double logprob, long badRows) {

  static final int COUNT = Tppo.TPPO_SAMPLE_TOKENS_STATS;

  static SampleTokensStats of(double[] stats) {
    return new SampleTokensStats(
        stats[Tppo.TPPO_SAMPLE_TOKENS_LOGPROB], (long) stats[Tppo.TPPO_SAMPLE_TOKENS_BAD_ROWS]);
  }
}
