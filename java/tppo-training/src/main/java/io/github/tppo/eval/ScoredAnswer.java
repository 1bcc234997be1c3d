// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.data.History;
import io.github.tppo.judge.Template;
import io.github.tppo.judge.WordScore;
import io.github.tppo.run.Check;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A model's answer to a held-out user with all its scores: one line of {@code evaluate/NAME.jsonl}.
 *
 * @param tokens the response's tokens with the reward model's verdict; empty for a baseline without tokens
 * @param words the judge's score of each word; empty where the judge failed
 * @param sentence the judge's score of the whole, token template; null where the judge failed
 * @param tokenRelevance relevance score with the token template, 0..1; null where the judge failed
 * @param sentenceRelevance relevance score with the sentence template, 0 or 1; null where the judge failed
 * @param unjudged why the judge failed, by template; empty, and not written, where it did not
 * @param rightCount whether the number of queries is the one asked for
 * @param finished whether the model ended the response itself
 */
public record ScoredAnswer(
    @JsonProperty("user") String user,
    @JsonProperty("history") History history,
    @JsonProperty("target_queries") List<String> targets,
    @JsonProperty("text") String text,
    @JsonProperty("queries") List<String> queries,
    @JsonProperty("tokens") List<Token> tokens,
    @JsonProperty("words") List<WordScore> words,
    @JsonProperty("sentence") Integer sentence,
    @JsonProperty("token_relevance") Double tokenRelevance,
    @JsonProperty("sentence_relevance") Double sentenceRelevance,
    @JsonProperty("unjudged") @JsonInclude(JsonInclude.Include.NON_EMPTY) Map<Template, String> unjudged,
    @JsonProperty("right_count") boolean rightCount,
    @JsonProperty("finished") boolean finished,
    @JsonProperty("n_tokens") int tokenCount) {

  /** Without a list of failures, as it is read where there was none, it is empty. */
  public ScoredAnswer {
    unjudged = unjudged == null ? Map.of() : unjudged;
  }

  /**
   * A token of the response.
   *
   * @param start UTF-16 position in the text
   * @param end one past the last
   * @param predicted class that the reward model predicts
   * @param reward value of that prediction, before length and KL penalty
   */
  public record Token(@JsonProperty("start") int start, @JsonProperty("end") int end,
      @JsonProperty("class") int predicted, @JsonProperty("reward") double reward) {}

  /** Writes all answers of a model. */
  public static void write(Path file, List<ScoredAnswer> answers) throws IOException {
    JsonLines.write(file, Check.list("answers", answers));
  }

  /** Reads all answers of a model; a bad line is named. */
  public static List<ScoredAnswer> read(Path file) throws IOException {
    return JsonLines.read(file, ScoredAnswer.class, "a scored answer");
  }
}
