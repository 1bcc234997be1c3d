// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.tppo.data.History;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonTest {
  private static List<ScoredAnswer> answers(double... relevance) {
    return Arrays.stream(relevance).mapToObj(r -> new ScoredAnswer("u", History.of(List.of(), List.of()), List.of(), "",
        List.of(), List.of(), List.of(), 0, r, 0, true, true, 0)).toList();
  }

  @Test
  void countsWinsTiesAndLossesInPercent() {
    List<ScoredAnswer> first = answers(0.5, 0.2, 1, 0, 0.3, 0.9, 0.1, 0.4);
    List<ScoredAnswer> second = answers(0.5, 0.1, 0, 1, 0.2, 0.8, 0.2, 0.3);
    assertEquals(new Comparison(62.5, 12.5, 25, 0), Comparison.byScore(first, second));
    assertEquals(new Comparison(25, 12.5, 62.5, 0), Comparison.byScore(second, first), "the order of the two decides nothing");
  }

  @Test
  void ofNothingOrOfUnequalLists() {
    assertEquals(new Comparison(0, 0, 0, 0), Comparison.byScore(List.of(), List.of()));
    assertThrows(IllegalArgumentException.class, () -> Comparison.byScore(answers(1), answers(1, 0)));
  }
}
