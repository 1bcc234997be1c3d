// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
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
  void theSameSeedGivesTheSameInterval() {
    double[] values = new SplittableRandom(4).doubles(500).toArray();
    assertEquals(Bootstrap.mean(values, 1000, 1), Bootstrap.mean(values, 1000, 1));
    assertNotEquals(Bootstrap.mean(values, 1000, 1), Bootstrap.mean(values, 1000, 2));
  }

  @Test
  void oneSeedIsASingleRun() {
    double[] values = new SplittableRandom(6).doubles(50).toArray();
    assertEquals(Bootstrap.mean(values, 500, 9), Bootstrap.mean(new double[][] {values}, 500, 9));
    Estimate one = Estimate.of(new double[][] {values}, 500, 9);
    assertEquals(null, one.std());
    assertEquals(List.of(one.mean()), one.perSeed());
  }

  /** Ten seeds and users of known spread: about 95 of 100 intervals hold the truth, and without the draw of seeds far fewer. */
  @Test
  void intervalsSpeakOfNewSeedsAndNewUsers() {
    Random random = new Random(8);
    int experiments = 400;
    int covered = 0;
    int seedsIgnored = 0;
    for (int e = 0; e < experiments; e++) {
      double[][] values = experiment(random, 10, 80, 2, 5, 5);
      covered += holdsZero(Bootstrap.mean(values, 300, e)) ? 1 : 0;
      double[] meanOfSeeds = new double[80];
      Arrays.setAll(meanOfSeeds, u -> Arrays.stream(values).mapToDouble(row -> row[u]).average().orElseThrow());
      seedsIgnored += holdsZero(Bootstrap.mean(meanOfSeeds, 300, e)) ? 1 : 0;
    }
    assertTrue(covered > 0.90 * experiments && covered < 0.985 * experiments, covered + " of " + experiments);
    assertTrue(seedsIgnored < 0.86 * experiments, seedsIgnored + " of " + experiments);
  }

  /** Seeds that are all alike leave the interval over users. */
  @Test
  void seedsThatAgreeAddNothing() {
    double[] row = experiment(new Random(2), 1, 300, 0, 5, 0)[0];
    Bootstrap.Interval one = Bootstrap.mean(row, 2000, 1);
    Bootstrap.Interval three = Bootstrap.mean(new double[][] {row, row, row}, 2000, 1);
    assertEquals(one.mean(), three.mean(), 1e-12);
    assertEquals(one.high() - one.low(), three.high() - three.low(), 0.1 * (one.high() - one.low()));
  }

  /** Users that are all alike leave the seeds: with two, the mean is one of three values and the interval reaches both ends. */
  @Test
  void usersThatAgreeLeaveTheSeeds() {
    double[][] values = {{1, 1, 1}, {5, 5, 5}};
    assertEquals(new Bootstrap.Interval(3, 1, 5), Bootstrap.mean(values, 1000, 1));
    Estimate estimate = Estimate.of(values, 1000, 1);
    assertEquals(Math.sqrt(8), estimate.std(), 1e-12);
    assertEquals(List.of(1.0, 5.0), estimate.perSeed());
  }

  @Test
  void refusesWhatIsNoTable() {
    assertThrows(IllegalArgumentException.class, () -> Bootstrap.mean(new double[0][], 100, 1));
    assertThrows(IllegalArgumentException.class, () -> Bootstrap.mean(new double[0], 100, 1));
    assertThrows(IllegalArgumentException.class, () -> Bootstrap.mean(new double[][] {{1}, {1, 2}}, 100, 1));
  }

  /** Zero mean; standard deviations of the seeds' effects, the users' and what is left. */
  private static double[][] experiment(Random random, int seeds, int users, double ofSeed, double ofUser, double rest) {
    double[] user = new double[users];
    Arrays.setAll(user, u -> ofUser * random.nextGaussian());
    double[][] values = new double[seeds][users];
    for (double[] row : values) {
      double seed = ofSeed * random.nextGaussian();
      Arrays.setAll(row, u -> seed + user[u] + rest * random.nextGaussian());
    }
    return values;
  }

  private static boolean holdsZero(Bootstrap.Interval interval) {
    return interval.low() <= 0 && interval.high() >= 0;
  }
}
