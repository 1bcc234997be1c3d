// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class BootstrapTest {

  @Test
  void intervalOfAMeanAgreesWithTheNormalOne() {
    SplittableRandom random = new SplittableRandom(3);
    double[] values = random.doubles(2000).toArray();
    Bootstrap.Interval interval = Bootstrap.mean(values, 2000, 1);
    double half = 1.96 * Math.sqrt(1.0 / 12 / values.length); // a uniform variable's variance is 1/12
    assertEquals(half, (interval.high() - interval.low()) / 2, 0.1 * half);
    assertTrue(interval.low() < interval.mean() && interval.mean() < interval.high());
  }

  @Test
  void pairingRemovesWhatTheUsersShare() {
    SplittableRandom random = new SplittableRandom(4);
    double[] a = new double[500];
    double[] b = new double[500];
    for (int i = 0; i < a.length; i++) {
      double user = 100 * random.nextDouble();
      a[i] = user + 1 + random.nextDouble();
      b[i] = user + random.nextDouble();
    }
    assertTrue(Bootstrap.pairedDifference(a, b, 1000, 1).excludesZero());
    assertFalse(Bootstrap.pairedDifference(a, a, 1000, 1).excludesZero());
    assertEquals(Bootstrap.pairedDifference(a, b, 1000, 1), Bootstrap.pairedDifference(a, b, 1000, 1));
  }
}
