// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.run.OptimizerConfig.Schedule;
import org.junit.jupiter.api.Test;

class OptimizerConfigTest {
  @Test
  void warmsUpLinearlyAndNeverStartsAtZero() {
    for (Schedule schedule : Schedule.values()) {
      OptimizerConfig config = OptimizerConfig.of(0.4, 4, schedule);
      double[] expected = {0.1, 0.2, 0.3, 0.4, 0.4};
      for (int step = 0; step < expected.length; step++) {
        assertEquals(expected[step], config.rate(step, 104), 1e-15, schedule + " " + step);
      }
    }
  }

  @Test
  void decaysAsItsNameSays() {
    assertEquals(0.4, OptimizerConfig.of(0.4, 4, Schedule.CONSTANT).rate(103, 104));
    assertEquals(0.4 * 0.75, OptimizerConfig.of(0.4, 4, Schedule.LINEAR).rate(29, 104), 1e-15);
    assertEquals(0.4 * 0.01, OptimizerConfig.of(0.4, 4, Schedule.LINEAR).rate(103, 104), 1e-15);
    assertEquals(0.4 * 0.5 * (1 + Math.sqrt(0.5)), OptimizerConfig.of(0.4, 4, Schedule.COSINE).rate(29, 104), 1e-12);
    assertEquals(0.2, OptimizerConfig.of(0.4, 4, Schedule.COSINE).rate(54, 104), 1e-12);
  }

  /** The last step still learns, and a rate of a step beyond the plan is not negative. */
  @Test
  void ratesAreNeverNegative() {
    for (Schedule schedule : Schedule.values()) {
      for (int total : new int[] {1, 2, 5, 50}) {
        for (int warmup : new int[] {0, 1, 5, 10}) {
          OptimizerConfig config = OptimizerConfig.of(1, warmup, schedule);
          for (int step = 0; step < total; step++) {
            double rate = config.rate(step, total);
            assertTrue(rate > 0 && rate <= 1, schedule + " step " + step + " of " + total + ", warm-up " + warmup + ": " + rate);
          }
        }
      }
    }
  }

  @Test
  void wrongSettingsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> OptimizerConfig.of(0, 0, Schedule.CONSTANT));
    assertThrows(IllegalArgumentException.class, () -> OptimizerConfig.of(1, -1, Schedule.CONSTANT));
  }
}
