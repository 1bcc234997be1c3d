// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.data.Example;

/**
 * A sampled response to be labelled.
 *
 * @param example     the user's history and true queries
 * @param stream      the number of this sample among those of the same user; with the user's id it is the label's key
 * @param promptIds   the prompt as ids
 * @param responseIds the ids as they were sampled, the end token included where it was
 */
public record GeneratedResponse(Example example, long stream, int[] promptIds, int[] responseIds) {
}
