// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.judge.Template;
import io.github.tppo.run.Check;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

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
      @JsonProperty(value = "token_relevance", required = true) Double token,
      @JsonProperty(value = "sentence_relevance", required = true) Double sentence) {}

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

  private static UserScores scores(List<String> users, List<Line> lines, Function<Line, Double> score) {
    return UserScores.of(users, lines.stream().map(score).mapToDouble(s -> s == null ? Double.NaN : 100 * s).toArray());
  }

  /** The differences to another model on the same users. */
  public Relevance minus(Relevance other) {
    return new Relevance(token.minus(other.token), sentence.minus(other.sentence));
  }

  /** The rates of the users who have a judged answer in each of some rates, template by template. */
  public Relevance onUsersOfAll(List<Relevance> all) {
    Check.list("all", all);
    return new Relevance(token.only(UserScores.judgedInAll(all.stream().map(Relevance::token).toList())),
        sentence.only(UserScores.judgedInAll(all.stream().map(Relevance::sentence).toList())));
  }

  /** The rates with a template. */
  public UserScores with(Template template) {
    return template == Template.TOKEN ? token : sentence;
  }
}
