// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RocAucTest {

  @Test
  void countsPairsOfPositiveAndNegative() {
    SplittableRandom random = new SplittableRandom(7);
    for (int round = 0; round < 50; round++) {
      int n = 2 + random.nextInt(60);
      float[] scores = new float[n];
      boolean[] positive = new boolean[n];
      for (int i = 0; i < n; i++) {
        scores[i] = random.nextInt(8) / 8f; // many ties
        positive[i] = random.nextInt(3) == 0;
      }
      double wins = 0;
      long pairs = 0;
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          if (positive[i] && !positive[j]) {
            wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            pairs++;
          }
        }
      }
      double auc = RocAuc.binary(scores, positive);
      if (pairs == 0) {
        assertTrue(Double.isNaN(auc));
      } else {
        assertEquals(wins / pairs, auc, 1e-12);
      }
    }
  }

  /** Numbers of scikit-learn 1.x: roc_auc_score(y, p, multi_class="ovr", average="weighted"). */
  @Test
  void agreesWithScikitLearn() {
    int[] labels = {0, 1, 2, 2, 1, 0, 2, 1, 1, 2};
    float[] p = {
      0.7f, 0.2f, 0.1f, 0.3f, 0.4f, 0.3f, 0.1f, 0.2f, 0.7f, 0.2f, 0.5f, 0.3f, 0.25f, 0.5f, 0.25f,
      0.4f, 0.35f, 0.25f, 0.3f, 0.1f, 0.6f, 0.1f, 0.3f, 0.6f, 0.5f, 0.4f, 0.1f, 0.2f, 0.3f, 0.5f
    };
    assertEquals(SKLEARN, RocAuc.weightedOneVsRest(p, labels, 3), 1e-9);
  }

  private static final double SKLEARN = 0.8541666666666666;
}
