// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

/**
 * One response.
 *
 * @param ids the tokens chosen, the end token included if it came
 * @param logprobs natural log-probability of each under softmax(logits / temperature), before top-k and top-p; with
 *     temperature 0 under softmax(logits)
 * @param finished whether the end token came before the length limit
 */
public record Generated(int[] ids, float[] logprobs, boolean finished) {
}
