// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/**
 * How responses are sampled. One setting for sampling, scoring, training and evaluation, so that
 * log-probabilities are always those of the distribution that was sampled from (INVARIANTS 9).
 */
public record SamplingConfig(
    @Doc("Softmax temperature; the same in sampling, scoring, training and evaluation") double temperature,
    @Doc("Most tokens of a response, the end token included") int maxNewTokens,
    @Doc("Responses that are generated together") int batchSize) {

  public SamplingConfig {
    Check.range("temperature", temperature, 1e-30, Check.LARGEST);
    Check.atLeast("max_new_tokens", maxNewTokens, 1);
    Check.atLeast("batch_size", batchSize, 1);
  }
}
