// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.tppo.text.TokenSpans;
import org.junit.jupiter.api.Test;

class WordSharesTest {
  /** "1", " sho", "e", "s", " red", "\n", end token. */
  private static TokenSpans spans() {
    return new TokenSpans("1 shoes red\n", new int[] {0, 1, 5, 6, 7, 11, 12}, new int[] {1, 5, 6, 7, 11, 12, 12});
  }

  @Test
  void aWordPaysTheSameHoweverManyTokensItHas() {
    double[] rewards = {0, 1, 1, 1, 1, 0, 0};
    WordShares.apply(spans(), rewards);
    assertArrayEquals(new double[] {0, 1 / 3.0, 1 / 3.0, 1 / 3.0, 1, 0, 0}, rewards, 1e-15);
  }

  @Test
  void unequalTokensOfAWordAddUpToTheirMean() {
    double[] rewards = {0.5, 2, 1, 0, -1, 0.25, 0.125};
    WordShares.apply(spans(), rewards);
    assertEquals((2 + 1 + 0) / 3.0, rewards[1] + rewards[2] + rewards[3], 1e-15);
    assertEquals(-1, rewards[4]);
    assertEquals(0.5, rewards[0], "a line's number is no word");
    assertEquals(0.25, rewards[5], "nor is a line break");
    assertEquals(0.125, rewards[6], "nor the end token");
  }

  @Test
  void bytesOfOneCharacterShareItsWord() {
    double[] rewards = {1, 1, 1};
    WordShares.apply(new TokenSpans("日", new int[] {0, 0, 0}, new int[] {1, 1, 1}), rewards);
    assertArrayEquals(new double[] {1 / 3.0, 1 / 3.0, 1 / 3.0}, rewards, 1e-15);
  }

  @Test
  void anEmptyTextIsInert() {
    double[] rewards = {1};
    WordShares.apply(new TokenSpans("", new int[] {0}, new int[] {0}), rewards);
    assertArrayEquals(new double[] {1}, rewards);
  }
}
