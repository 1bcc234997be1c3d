// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.github.tppo.data.Example;
import io.github.tppo.data.History;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LexicalJudgeTest {

  private final LexicalJudge judge = new LexicalJudge(JudgeConfig.defaults());

  private static Example example(String... targets) {
    return new Example("u", new History(List.of("x"), null, null, null), List.of(targets));
  }

  private String scores(Example example, String response) {
    return judge.judge(Template.TOKEN, example, response).words().stream()
      .map(w -> w.word() + ":" + (w.isScored() ? w.score() : "-")).collect(Collectors.joining(" "));
  }

  private int sentence(String response, String... targets) {
    int token = judge.judge(Template.TOKEN, example(targets), response).sentence();
    assertEquals(token, judge.judge(Template.SENTENCE, example(targets), response).sentence());
    return token;
  }

  @Test
  void aWordIsRelevantWhenItsStemIsInATrueQuery() {
    assertEquals("cheap:0 running:1 shoe:1 for:- the:- hats:1 stands:1 hut:0",
      scores(example("running shoes", "red hat stand"), "1 cheap running shoe for the hats stands hut"));
    assertEquals("flights:1 to:- boston:1", scores(example("flight boston"), "1 flights to boston"));
  }

  @Test
  void aRepeatedWordEarnsNothing() {
    assertEquals("shoes:1 shoe:0 red:1 shoes:0", scores(example("red shoes"), "1 shoes shoe red shoes"));
  }

  @Test
  void aRepeatedQueryEarnsNothingInAnyOrderOfItsWords() {
    assertEquals("red:1 shoes:1 shoe:0 the:- red:0 shoes:1", scores(example("red shoes", "b", "c"), "1 red shoes\n2 shoe the red\n3 shoes"));
  }

  @Test
  void queriesBeyondTheNumberAskedForEarnNothing() {
    assertEquals("red:1 shoes:0", scores(example("red shoes"), "1 red\n2 shoes"));
    assertEquals("red:1 shoes:1 red:0 hat:0",
      scores(example("red shoes", "hat"), "1 red\n\n2 shoes\n3 red hat"), "an empty line is no query");
  }

  @Test
  void lineNumbersAreNotWords() {
    assertEquals("hotel:0 hotel:0", scores(example("2 1", "3"), "1 hotel\n2 hotel"));
  }

  @ParameterizedTest
  @CsvSource({"café,CAFE\u0301,1", "café,cafe,0", "ﬁsh,FISH,1", "Straße,straße,1", "東京,東,1", "ホテル,ﾎﾃﾙ,1", "macy's,macy\u2019s,1",
    "İstanbul,i\u0307stanbul,1"})
  void wordsAreComparedInOneUnicodeForm(String target, String word, int expected) {
    Judgement judgement = judge.judge(Template.TOKEN, example(target), "1 " + word);
    assertEquals(expected, judgement.words().get(0).score());
  }

  @Test
  void theWholeNeedsTheRightNumberOfQueriesAndHalfOfTheWords() {
    assertEquals(1, sentence("1 red bag\n2 shoes", "red", "shoes"));
    assertEquals(0, sentence("1 red bag\n2 big shoes of gold", "red", "shoes"));
    assertEquals(0, sentence("1 red", "red", "shoes"));
    assertEquals(0, sentence("1 red\n2 shoes\n3 bag", "red", "shoes"));
    assertEquals(0, sentence("1 red\n2\n", "red", "shoes"));
    assertEquals(0, sentence("", "red"));
    assertEquals(0, sentence("1 the\n2 of", "the", "of"));
  }

  @Test
  void settingsChangeThresholdStopWordsAndNumber() {
    LexicalJudge strict = new LexicalJudge(
      new JudgeConfig(JudgeConfig.Kind.LEXICAL, 1.0, false, 1, 1, ChatConfig.defaults()));
    Judgement judgement = strict.judge(Template.TOKEN, example("the who", "x"), "1 the who bag");
    assertEquals(List.of(1, 1, 0), judgement.words().stream().map(WordScore::score).toList());
    assertEquals(0, judgement.sentence());
    assertEquals(1, strict.judge(Template.TOKEN, example("the who", "x"), "1 the who").sentence());
  }

  @Test
  void relevanceIsTheShareOfScoredWordsOrTheSentenceScore() {
    Judgement judgement = judge.judge(Template.TOKEN, example("red shoes"), "1 red the bag");
    assertEquals(0.5, judgement.relevance(Template.TOKEN));
    assertEquals(1, judgement.relevance(Template.SENTENCE));
    assertEquals(0, judge.judge(Template.TOKEN, example("red"), "").relevance(Template.TOKEN));
  }

  @Test
  void itsOwnVerdictsNeverContradictEachOther() {
    for (String response : List.of("1 red\n2 shoes", "1 red", "", "1 bag\n2 hat", "1 the\n2 of")) {
      Judgement judgement = judge.judge(Template.TOKEN, example("red", "shoes"), response);
      assertNull(MutualCheck.contradiction(JudgeConfig.defaults(), example("red", "shoes"), response, judgement));
    }
  }
}
