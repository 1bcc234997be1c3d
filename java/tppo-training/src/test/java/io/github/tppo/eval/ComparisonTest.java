// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class ComparisonTest {
  @Test
  void countsWinsTiesAndLossesInPercent() {
    double[] first = {0.5, 0.2, 1, 0, 0.3, 0.9, 0.1, 0.4};
    double[] second = {0.5, 0.1, 0, 1, 0.2, 0.8, 0.2, 0.3};
    assertEquals(new Comparison(62.5, 12.5, 25, 0), Comparison.byScore(first, second));
    assertEquals(new Comparison(25, 12.5, 62.5, 0), Comparison.byScore(second, first), "the order of the two decides nothing");
  }

  @Test
  void ofNothingOrOfUnequalLists() {
    assertEquals(new Comparison(0, 0, 0, 0), Comparison.byScore(new double[0], new double[0]));
    assertThrows(IllegalArgumentException.class, () -> Comparison.byScore(new double[1], new double[2]));
  }
}
