// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TestTokenizers;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TokenClassesTest {

  /** Accents composed and apart, CJK, emoji, repeated and joined words. */
  private static final String TEXT = "1 café " + Normalizer.normalize("café", Normalizer.Form.NFD)
    + " red-red\n2 日本語 🍕pizza red\n3 l\u2019été x";

  /** Scores words by turns: relevant, irrelevant, not scored. */
  private static List<WordScore> byTurns(String text) {
    List<WordScore> words = new ArrayList<>();
    for (ResponseText.Word w : ResponseText.words(text)) {
      words.add(new WordScore(w.text(), w.start(), w.end(), 1 - words.size() % 3));
    }
    return words;
  }

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#names")
  void everyTokenHasTheClassOfTheCharactersItCovers(String name) {
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      TokenSpans spans = tokenizer.spans(tokenizer.encode(TEXT, true).ids());
      assertEquals(TEXT, spans.text());
      List<WordScore> words = byTurns(TEXT);
      int[] classes = TokenClasses.of(spans, words);
      int[] ofChar = new int[TEXT.length()];
      words.forEach(w -> java.util.Arrays.fill(ofChar, w.start(), w.end(), w.tokenClass()));
      for (int t = 0; t < classes.length; t++) {
        int expected = 0;
        for (int c = spans.starts()[t]; c < spans.ends()[t] && expected == 0; c++) {
          expected = ofChar[c];
        }
        assertEquals(expected, classes[t], "token " + t);
      }
    }
  }

  @Test
  void idsThatCutACharacterAllTakeItsWord() {
    try (Tokenizer tokenizer = TestTokenizers.load("shipped")) {
      TokenSpans spans = tokenizer.spans(tokenizer.encode(" 日本\n", false).ids());
      List<WordScore> words = List.of(new WordScore("日", 1, 2, 1), new WordScore("本", 2, 3, 0));
      assertArrayEquals(new int[] {0, 2, 2, 2, 1, 1, 1, 0}, TokenClasses.of(spans, words));
    }
  }

  @Test
  void aTokenOverSeveralWordsTakesTheFirstScoredOne() {
    List<WordScore> words = List.of(new WordScore("of", 0, 2, WordScore.NOT_SCORED), new WordScore("a", 3, 4, 1),
      new WordScore("b", 5, 6, 0));
    assertArrayEquals(new int[] {2, 1, 0}, TokenClasses.of(new int[] {0, 5, 2}, new int[] {6, 6, 3}, words));
  }

  @Test
  void classesOfAnotherTokenizersTokensAreCarriedOverByCharacters() {
    String text = "ab cd";
    TokenSpans words = new TokenSpans(text, new int[] {0, 2}, new int[] {2, 5});
    TokenSpans letters = new TokenSpans(text, new int[] {0, 1, 2, 3, 4}, new int[] {1, 2, 3, 4, 5});
    assertArrayEquals(new int[] {2, 2, 1, 1, 1}, TokenClasses.map(new int[] {2, 1}, words, letters));
    assertArrayEquals(new int[] {2, 1}, TokenClasses.map(new int[] {2, 1, 0, 1, 0}, letters, words));
    assertArrayEquals(new int[] {1, 2}, TokenClasses.map(new int[] {1, 2, 0, 2, 2}, letters, words));
    assertArrayEquals(new double[] {1.5, 1}, TokenClasses.map(new double[] {2, 1, 0, 1, 2}, letters, words));
  }

  @Test
  void labelsSurviveTheWayOverAnotherTokenizer() {
    try (Tokenizer policy = TestTokenizers.load("shipped"); Tokenizer reward = TestTokenizers.load("fixtures/tokenizer")) {
      String text = "1 cheap running shoes\n2 café 日本 hotels\n3 2006 tickets";
      TokenSpans policySpans = policy.spans(policy.encode(text, false).ids());
      TokenSpans rewardSpans = reward.encode(text, true).spansIn(text);
      List<WordScore> words = byTurns(text);
      int[] mapped = TokenClasses.map(TokenClasses.of(rewardSpans, words), rewardSpans, policySpans);
      assertArrayEquals(TokenClasses.of(policySpans, words), mapped);
    }
  }

  @Test
  void randomIdsMapOntoThemselves() {
    Random random = new Random(3);
    try (Tokenizer tokenizer = TestTokenizers.load("shipped")) {
      for (int round = 0; round < 300; round++) {
        int[] ids = random.ints(20, 0, tokenizer.vocabSize()).toArray();
        TokenSpans spans = tokenizer.spans(ids);
        int[] classes = TokenClasses.of(spans, byTurns(spans.text()));
        assertArrayEquals(classes.clone(), TokenClasses.map(classes, spans, spans));
      }
    }
  }

  @Test
  void refusesTwoDifferentTexts() {
    TokenSpans a = new TokenSpans("a", new int[] {0}, new int[] {1});
    TokenSpans b = new TokenSpans("b", new int[] {0}, new int[] {1});
    assertThrows(IllegalArgumentException.class, () -> TokenClasses.map(new int[] {1}, a, b));
  }
}
