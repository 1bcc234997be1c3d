// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SkippedStepsTest {
  @TempDir
  Path dir;

  private static void skip(SkippedSteps skips, int times) {
    for (int i = 0; i < times; i++) {
      skips.add(true);
    }
  }

  @Test
  void fiveInARowEndTheRunAndAGoodStepStartsTheCountAnew() {
    SkippedSteps skips = new SkippedSteps("sft", "lower the rate");
    skip(skips, 4);
    skips.add(false);
    skip(skips, 4);
    assertEquals("sft: gradients were not finite in 5 steps in a row; lower the rate",
        assertThrows(ArithmeticException.class, () -> skips.add(true)).getMessage());
  }

  @Test
  void theCountGoesOnAfterAResume() throws IOException {
    SkippedSteps skips = new SkippedSteps("sft", "lower the rate");
    skip(skips, 3);
    skips.save(dir);
    SkippedSteps resumed = new SkippedSteps("sft", "lower the rate");
    resumed.load(dir);
    resumed.add(true);
    assertThrows(ArithmeticException.class, () -> resumed.add(true));
  }
}
