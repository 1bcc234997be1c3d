// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.tppo.run.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainingLoopTest {
  @Test
  void secondsBetweenCheckpoints() {
    assertEquals(60_000_000_000L, TrainingLoop.nanos("60"));
    assertEquals(500_000_000L, TrainingLoop.nanos("0.5"));
    assertEquals(0, TrainingLoop.nanos("0"));
    assertEquals(Long.MAX_VALUE, TrainingLoop.nanos("1e300"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "soon", "-1", "NaN", "Infinity"})
  void otherValuesAreRefused(String seconds) {
    assertEquals("-Dtppo.checkpoint_seconds=" + seconds + ": expected seconds between two checkpoints, 0 for one after every step",
        assertThrows(ConfigException.class, () -> TrainingLoop.nanos(seconds)).getMessage());
  }
}
