// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** INVARIANTS 15: a reply gives the scores that it states, or none. */
class ReplyParserTest {

  private static final String RESPONSE = "1 red shoes\n2 Red hat";
  private static final String GOOD = "{\"words\":[{\"word\":\"red\",\"score\":1},{\"word\":\"shoes\",\"score\":0},"
    + "{\"word\":\"Red\",\"score\":0},{\"word\":\"hat\",\"score\":1}],\"whole\":1}";

  private static List<Integer> scores(String reply) throws JudgeException {
    return ReplyParser.token(reply, RESPONSE).words().stream().map(WordScore::score).toList();
  }

  @Test
  void scoresGoToTheirWordsAndPlaces() throws JudgeException {
    Judgement judgement = ReplyParser.token(GOOD, RESPONSE);
    assertEquals(List.of(new WordScore("red", 2, 5, 1), new WordScore("shoes", 6, 11, 0), new WordScore("Red", 14, 17, 0),
      new WordScore("hat", 18, 21, 1)), judgement.words());
    assertEquals(1, judgement.sentence());
  }

  @ParameterizedTest
  @ValueSource(strings = {"%s", "Here you are: %s I hope that helps!", "```json\n%s\n```", "```\n%s```", "<think>Is {this} {\"whole\":</think>%s",
    "Scores {by word}: %s", "%s\n%s", "\uFEFF %s", "{} %s", "{\"note\": \"first\"} %s"})
  void proseFencesAndThoughtsAreLetPass(String around) throws JudgeException {
    assertEquals(List.of(1, 0, 0, 1), scores(around.replace("%s", GOOD)));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {"1|1", "0|0", "1.0|1", "0.0|0", "\"1\"|1", "\" 0 \"|0", "\"1.0\"|1", "true|1", "false|0", "\"False\"|0",
    "{\"score\":1}|1", "{\"Relevance\":{\"Score\":\"0\"}}|0"})
  void scoresOfAnyFormAreTaken(String written, int expected) throws JudgeException {
    assertEquals(expected, ReplyParser.sentence("{\"whole\":" + written + "}").sentence());
    assertEquals(expected, ReplyParser.sentence("{'Whole': " + written.replace('"', '\'') + ",}").sentence());
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.5", "2", "-1", "null", "\"\"", "\"yes\"", "[1]", "{}", "{\"a\":1,\"b\":0}", "1e400", "\"relevant\"", "0.99999"})
  void whatIsNeitherZeroNorOneIsRefused(String written) {
    assertThrows(JudgeException.class, () -> ReplyParser.sentence("{\"whole\":" + written + "}"));
    assertThrows(JudgeException.class, () -> scores(GOOD.replace("\"score\":0", "\"score\":" + written)));
  }

  @Test
  void reorderedWordsAreTakenWhereTheWordTells() throws JudgeException {
    assertEquals(List.of(1, 0, 1, 1), scores("{\"words\":[{\"word\":\"hat\",\"score\":1},{\"word\":\"red\",\"score\":1},"
      + "{\"word\":\"shoes\",\"score\":0},{\"word\":\"red\",\"score\":1}],\"whole\":1}"));
  }

  @Test
  void reorderedWordsOfWhichOneHasTwoScoresAreRefused() {
    JudgeException e = assertThrows(JudgeException.class, () -> scores("{\"words\":[{\"word\":\"hat\",\"score\":1},"
      + "{\"word\":\"red\",\"score\":1},{\"word\":\"shoes\",\"score\":0},{\"word\":\"red\",\"score\":0}],\"whole\":1}"));
    assertEquals("words", e.reason());
  }

  @Test
  void missingRepeatedAndForeignWordsAreRefusedAndNamed() {
    String without = GOOD.replace("{\"word\":\"shoes\",\"score\":0},", "");
    assertEquals("the reply has 3 words for 4; missing [shoes], not asked for []",
      assertThrows(JudgeException.class, () -> scores(without)).getMessage());
    String twice = GOOD.replace("{\"word\":\"hat\",\"score\":1}", "{\"word\":\"hat\",\"score\":1},{\"word\":\"hat\",\"score\":1}");
    assertEquals("the reply has 5 words for 4; missing [], not asked for [hat]",
      assertThrows(JudgeException.class, () -> scores(twice)).getMessage());
    assertThrows(JudgeException.class, () -> scores(GOOD.replace("shoes", "boots")));
    assertThrows(JudgeException.class, () -> scores(GOOD.replace("{\"word\":\"Red\",\"score\":0},", "")));
    assertThrows(JudgeException.class, () -> scores("{\"words\":[],\"whole\":1}"));
  }

  @Test
  void anObjectOfWordsScoresEveryOccurrence() throws JudgeException {
    assertEquals(List.of(1, 0, 1, 0), scores("{\"words\":{\"red\":{\"Relevance\":{\"Score\":1}},\"shoes\":0,\"hat\":\"0\"},\"whole\":0}"));
    assertThrows(JudgeException.class, () -> scores("{\"words\":{\"red\":1,\"shoes\":0},\"whole\":0}"));
    assertThrows(JudgeException.class, () -> scores("{\"words\":{\"red\":1,\"Red\":0,\"shoes\":0,\"hat\":0},\"whole\":0}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "no", "[1]", "1", "{\"whole\":", "{\"whole\":1", "{\"whole\":1,\"whole\":0}", "{\"whole\":1,\"Whole\":0}",
    "{\"a\":1} {\"b\":1}", "{\"whole\":1} {\"whole\":0}", "{\"whole\":1 \"x\":2} {\"whole\":1}", "{\"x\":{\"whole\":1}, \"y\"",
    "{\"x\":1,\"x\":2,\"y\":{\"whole\":1}}", "{\"whole\": 0 or 1}", "{\"whole\":1} {", "<think>{\"whole\":1}</think>"})
  void brokenAmbiguousAndTruncatedRepliesAreRefused(String reply) {
    JudgeException e = assertThrows(JudgeException.class, () -> ReplyParser.sentence(reply));
    assertEquals("reply_form", e.reason());
    assertFalse(e.getMessage().isBlank());
  }

  @Test
  void noPrefixOfAReplyIsTaken() {
    for (int end = 0; end < GOOD.length(); end++) {
      String prefix = GOOD.substring(0, end);
      assertThrows(JudgeException.class, () -> ReplyParser.token(prefix, RESPONSE), prefix);
      assertThrows(JudgeException.class, () -> ReplyParser.sentence(prefix), prefix);
    }
  }

  @ParameterizedTest
  @CsvSource({"first,FIRST", "Second,SECOND", "' tie ',TIE"})
  void verdictsAreRead(String written, Verdict verdict) throws JudgeException {
    assertEquals(verdict, ReplyParser.pairwise("So: {\"better\": \"" + written + "\"}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"better\":\"both\"}", "{\"better\":1}", "{\"better\":null}", "{\"better\":[\"first\"]}", "first",
    "{\"better\":\"first\"}{\"better\":\"second\"}"})
  void otherVerdictsAreRefused(String reply) {
    assertThrows(JudgeException.class, () -> ReplyParser.pairwise(reply));
  }

  @Test
  void hostileNestingEndsQuickly() {
    for (String piece : new String[] {"{", "{\"", "{\"a\":", "{\"a\":[", "{}", "{'a':1,", "{\"whole\":1}"}) {
      String reply = piece.repeat((1 << 18) / piece.length());
      long start = System.nanoTime();
      assertEquals("reply_form", assertThrows(JudgeException.class, () -> ReplyParser.sentence(reply)).reason());
      assertFalse(System.nanoTime() - start > 2_000_000_000L, piece);
    }
    assertThrows(JudgeException.class, () -> ReplyParser.sentence(" ".repeat(1 << 18) + "{\"whole\":1}"));
  }
}
