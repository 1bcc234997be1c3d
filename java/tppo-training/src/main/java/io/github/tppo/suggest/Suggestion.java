// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;

/**
 * A policy's response to one history.
 *
 * @param queries the queries, without their numbers, in their order; lines without a query are left out
 * @param text the response as written
 * @param logprob sum of the log-probabilities of its tokens, the end token included, at the sampling temperature
 */
@JsonPropertyOrder({"queries", "text", "logprob"})
public record Suggestion(
    @JsonProperty("queries") List<String> queries,
    @JsonProperty("text") String text,
    @JsonProperty("logprob") double logprob) { }
