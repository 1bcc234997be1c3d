// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

final class ScaleTest {
  @Test
  void roundAxesEndAtTicks() {
    Scale scale = Scale.round(0.13, 0.87, 100, 0, 5);
    assertEquals(0, scale.low(), 1e-12);
    assertEquals(1, scale.high(), 1e-12);
    assertEquals(6, scale.ticks().size());
    assertEquals("0.2", scale.label(scale.ticks().get(1)));
    assertEquals(50, scale.at(0.5), 1e-9);
  }

  @Test
  void valuesThatAreAllTheSameHaveRoom() {
    for (double value : new double[] {0, 5, -3, 1e-7, 1e9}) {
      Scale scale = Scale.round(value, value, 100, 0, 5);
      assertTrue(scale.low() < scale.high(), "axis of " + value);
      assertTrue(Double.isFinite(scale.at(value)));
      assertTrue(scale.ticks().size() < 30, "ticks of " + value);
    }
  }

  @Test
  void numbersAreWrittenForPeople() {
    assertEquals("\u22121.50", Numbers.fixed(-1.5, 2));
    assertEquals("0.0", Numbers.signed(-0.01, 1));
    assertEquals("+2.0", Numbers.signed(2, 1));
    assertEquals("12,345", Numbers.count(12345));
    assertEquals("–", Numbers.fixed(Double.NaN, 1));
    assertEquals("2 min 5 s", Numbers.duration(125));
    assertEquals("1 h 1 min", Numbers.duration(3661));
  }
}
