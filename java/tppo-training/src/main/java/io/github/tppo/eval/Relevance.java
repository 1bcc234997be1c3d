// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.judge.Template;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * A model's relevance rate of each held-out user, in percent.
 *
 * @param token with the token template
 * @param sentence with the sentence template
 */
public record Relevance(UserScores token, UserScores sentence) {

  /** What a relevance rate needs of a {@link ScoredAnswer}: the rest is many times as large. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  private record Line(@JsonProperty(value = "user", required = true) String user,
      @JsonProperty(value = "token_relevance", required = true) double token,
      @JsonProperty(value = "sentence_relevance", required = true) double sentence) {}

  /** Of a model's answers. */
  public static Relevance of(List<ScoredAnswer> answers) {
    return ofLines(answers.stream().map(a -> new Line(a.user(), a.tokenRelevance(), a.sentenceRelevance())).toList());
  }

  /** Of a file {@code evaluate/NAME.jsonl}; a bad line is named. */
  public static Relevance read(Path file) throws IOException {
    return ofLines(JsonLines.read(file, Line.class, "a scored answer"));
  }

  private static Relevance ofLines(List<Line> lines) {
    List<String> users = lines.stream().map(Line::user).toList();
    return new Relevance(scores(users, lines, Line::token), scores(users, lines, Line::sentence));
  }

  private static UserScores scores(List<String> users, List<Line> lines, ToDoubleFunction<Line> score) {
    return UserScores.of(users, lines.stream().mapToDouble(l -> 100 * score.applyAsDouble(l)).toArray());
  }

  /** The differences to another model on the same users. */
  public Relevance minus(Relevance other) {
    return new Relevance(token.minus(other.token), sentence.minus(other.sentence));
  }

  /** The rates with a template. */
  public UserScores with(Template template) {
    return template == Template.TOKEN ? token : sentence;
  }
}
