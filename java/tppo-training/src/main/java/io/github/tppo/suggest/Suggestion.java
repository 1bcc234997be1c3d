// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;

/**
 * A policy's response to one history. Log-probabilities are natural, of the distribution at the sampling temperature before top-k and
 * top-p (at temperature 0, of the model's own).
 *
 * @param queries the queries, without their numbers, in their order; lines without a query are left out
 * @param text the response as written
 * @param logprob sum of the log-probabilities of all its tokens, the end token included: those of the queries and those of the numbers,
 *     line breaks and end between them
 * @param tokens how many tokens it has, the end token included
 * @param finished whether it ended by itself rather than at the length limit
 * @param details one for each of {@code queries}
 * @param notScored why the reward model could not read the response, or null
 */
@JsonPropertyOrder({"queries", "text", "logprob", "tokens", "finished", "details", "not_scored"})
public record Suggestion(
  @JsonProperty("queries") List<String> queries,
  @JsonProperty("text") String text,
  @JsonProperty("logprob") double logprob,
  @JsonProperty("tokens") int tokens,
  @JsonProperty("finished") boolean finished,
  @JsonProperty("details") List<SuggestedQuery> details,
  @JsonProperty("not_scored") @JsonInclude(JsonInclude.Include.NON_NULL) String notScored) { }
