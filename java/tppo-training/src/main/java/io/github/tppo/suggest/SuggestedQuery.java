// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;

/**
 * One query of a suggestion.
 *
 * @param query as in {@link Suggestion#queries}
 * @param logprob sum of the log-probabilities of its tokens, given the history and what the response says before. A token is of the
 *     query of which it covers a character (of the first, if of several); tokens of numbers, line breaks and the end are of none
 * @param tokens how many tokens it has
 * @param words its words in order, as the reward model sees them; null without one
 */
@JsonPropertyOrder({"query", "logprob", "tokens", "words"})
public record SuggestedQuery(
    @JsonProperty("query") String query,
    @JsonProperty("logprob") double logprob,
    @JsonProperty("tokens") int tokens,
    @JsonProperty("words") @JsonInclude(JsonInclude.Include.NON_NULL) List<Word> words) {

  /**
   * A word of a query.
   *
   * @param relevance probability of class 2
   * @param predicted the likeliest class: 0 counts neither way (such as a stop word), 1 irrelevant, 2 relevant
   * @param probabilities of the three classes: the mean over the reward model's tokens that cover a character of the word
   */
  @JsonPropertyOrder({"word", "relevance", "class", "probabilities"})
  public record Word(
      @JsonProperty("word") String word,
      @JsonProperty("relevance") double relevance,
      @JsonProperty("class") int predicted,
      @JsonProperty("probabilities") List<Double> probabilities) {}
}
