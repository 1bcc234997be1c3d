// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.github.tppo.run.Doc;

/**
 * How responses are judged and labelled.
 *
 * @param kind              which judge scores
 * @param sentenceThreshold the share of relevant words from which on the lexical judge takes a response for relevant
 * @param stopWords         whether English stop words are left unscored (their tokens are of class 0)
 * @param queries           the number of queries that a relevant response must have; 0 for as many as the user's true ones
 * @param attempts          how often a response is asked for before it is set aside, at least 1
 * @param chat              the server of the chat judge
 */
@Doc("How responses are judged and labelled.")
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record JudgeConfig(
  @Doc("Who judges: lexical compares word stems with the true queries, chat asks a language model by an OpenAI-compatible"
    + " endpoint (docs/judges.md).") Kind kind,
  @Doc("Share of relevant words from which on the lexical judge takes a response for relevant as a whole.") double sentenceThreshold,
  @Doc("Leave English stop words unscored: their tokens are of class 0.") boolean stopWords,
  @Doc("Number of queries that a relevant response must have; 0 for as many as the user's true ones.") int queries,
  @Doc("How often a response is asked for before it is set aside.") int attempts,
  ChatConfig chat) {

  /** Which judge scores. */
  public enum Kind {
    /** {@link LexicalJudge}. */
    @JsonProperty("lexical") LEXICAL,
    /** {@link ChatJudge}. */
    @JsonProperty("chat") CHAT
  }

  /** @throws IllegalArgumentException when a value is out of range */
  public JudgeConfig {
    check(kind != null, "kind", "lexical or chat", null);
    check(chat != null, "chat", "the settings of a server", null);
    check(sentenceThreshold > 0 && sentenceThreshold <= 1, "sentence_threshold", "above 0, at most 1", sentenceThreshold);
    check(queries >= 0, "queries", "0 or more", queries);
    check(attempts >= 1, "attempts", "1 or more", attempts);
    check(kind == Kind.LEXICAL || !chat.model().isBlank(), "chat.model", "the model's name as the server knows it", "none");
  }

  /** Lexical; half of the words must be relevant, stop words do not count, as many queries as the true ones, three attempts. */
  public static JudgeConfig defaults() {
    return new JudgeConfig(Kind.LEXICAL, 0.5, true, 0, 3, ChatConfig.defaults());
  }

  private static void check(boolean good, String key, String expected, Object found) {
    if (!good) {
      throw new IllegalArgumentException(key + ": expected " + expected + ", found " + found);
    }
  }
}
