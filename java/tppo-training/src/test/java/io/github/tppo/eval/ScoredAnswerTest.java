// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.History;
import io.github.tppo.judge.Template;
import io.github.tppo.judge.WordScore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScoredAnswerTest {
  @TempDir
  Path dir;

  private static final ScoredAnswer FULL = new ScoredAnswer("u\u20281", History.of(List.of("été \"x\"", "日本"), List.of("a.com")),
      List.of("t\\1"), "1 日本\n2 \uD83D\uDE00", List.of("日本", "\uD83D\uDE00"),
      List.of(new ScoredAnswer.Token(0, 1, 0, 0), new ScoredAnswer.Token(2, 4, 2, 1 / 3.0)),
      List.of(new WordScore("日本", 2, 4, 1), new WordScore("the", 5, 8, WordScore.NOT_SCORED)), 1, 2 / 3.0, 1.0, Map.of(), false, true, 2);

  @Test
  void whatIsWrittenIsReadBack() throws IOException {
    Path file = dir.resolve("sft.jsonl");
    ScoredAnswer empty = new ScoredAnswer("v", History.of(List.of(), List.of()), List.of(), "", List.of(), List.of(), List.of(),
        0, 0.0, 0.0, Map.of(), false, false, 0);
    ScoredAnswer.write(file, List.of(FULL, empty));
    assertEquals(List.of(FULL, empty), ScoredAnswer.read(file));
    ScoredAnswer.write(file, List.of());
    assertEquals(List.of(), ScoredAnswer.read(file));
  }

  @Test
  void keysAreThoseThatScriptsRead() throws IOException {
    Path file = dir.resolve("sft.jsonl");
    ScoredAnswer.write(file, List.of(FULL));
    JsonNode node = new ObjectMapper().readTree(Files.readString(file));
    assertEquals(Set.of("user", "history", "target_queries", "text", "queries", "tokens", "words", "sentence",
        "token_relevance", "sentence_relevance", "right_count", "finished", "n_tokens"), names(node));
    assertEquals(Set.of("start", "end", "class", "reward"), names(node.at("/tokens/0")));
    assertEquals(Set.of("word", "start", "end", "score"), names(node.at("/words/0")));
  }

  /** INVARIANTS 15: what the judge failed on has no score, and the reason stands beside it. */
  @Test
  void aFailureOfTheJudgeIsNull() throws IOException {
    Path file = dir.resolve("sft.jsonl");
    ScoredAnswer failed = new ScoredAnswer("a", History.of(List.of(), List.of()), List.of(), "1 x", List.of("x"), List.of(), List.of(), null,
        null, 1.0, Map.of(Template.TOKEN, "timeout: no answer"), false, true, 1);
    ScoredAnswer.write(file, List.of(failed));
    assertEquals(List.of(failed), ScoredAnswer.read(file));
    JsonNode node = new ObjectMapper().readTree(Files.readString(file));
    assertTrue(node.get("token_relevance").isNull() && node.get("sentence").isNull());
    assertEquals("{\"token\":\"timeout: no answer\"}", node.get("unjudged").toString());
  }

  @Test
  void unjudgedAnswersAreInNoMeanAndUsersWithoutAnyInNoComparison() throws IOException {
    Path file = dir.resolve("sft.jsonl");
    Files.writeString(file, line("a", "0.5", "1") + line("a", "null", "0") + line("b", "null", "null") + line("c", "0", "1"));
    Relevance first = Relevance.read(file);
    assertEquals(List.of("a", "b", "c"), first.token().users());
    assertArrayEquals(new double[] {50, Double.NaN, 0}, first.token().values());
    Files.writeString(file, line("a", "1", "null") + line("b", "1", "1") + line("c", "0.25", "1"));
    Relevance second = Relevance.read(file);
    Relevance difference = first.onUsersOfAll(List.of(first, second)).minus(second.onUsersOfAll(List.of(first, second)));
    assertEquals(List.of("a", "c"), difference.token().users());
    assertArrayEquals(new double[] {-50, -25}, difference.token().values());
    assertEquals(List.of("c"), difference.sentence().users());
    Files.writeString(file, "{\"user\":\"a\",\"token_relevance\":1}\n");
    assertThrows(IOException.class, () -> Relevance.read(file), "a score that is not there is not one that failed");
  }

  private static String line(String user, String token, String sentence) {
    return "{\"user\":\"" + user + "\",\"token_relevance\":" + token + ",\"sentence_relevance\":" + sentence + "}\n";
  }

  @Test
  void aTornLineIsNamed() throws IOException {
    Path file = dir.resolve("sft.jsonl");
    ScoredAnswer.write(file, List.of(FULL, FULL));
    String text = Files.readString(file);
    Files.writeString(file, text.substring(0, text.length() - 20));
    String message = assertThrows(IOException.class, () -> ScoredAnswer.read(file)).getMessage();
    assertTrue(message.startsWith(file + ":2:"), message);
  }

  private static Set<String> names(JsonNode node) {
    Set<String> names = new HashSet<>();
    node.fieldNames().forEachRemaining(names::add);
    return names;
  }
}
