// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import io.github.tppo.data.History;

/**
 * A history to suggest queries for.
 *
 * @param seed of the choices of tokens: the same history with the same seed and options gets the same suggestion, whatever else
 *     is asked with it
 */
public record Ask(History history, long seed) {}
