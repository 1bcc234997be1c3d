// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

/**
 * A response with the judge's label of the whole (sentence template).
 *
 * @param relevant the sentence label
 */
public record SentenceSample(RewardInput input, boolean relevant) {}
