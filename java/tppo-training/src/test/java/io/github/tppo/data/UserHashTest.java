// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class UserHashTest {
  /** A change of these would move users between splits of existing runs. */
  @Test
  void valuesStayWhatTheyAre() {
    assertEquals("907e3458c60825e9", Long.toHexString(UserHash.of(1, "142")));
    assertEquals("96ca991bb0106cfb", Long.toHexString(UserHash.of(1, "2A9EABFB35F5B954")));
    assertEquals("e60bbbf6ca094f3c", Long.toHexString(UserHash.of(2, "")));
  }

  @Test
  void neighbouringIdsSpreadEvenly() {
    Set<Long> seen = new HashSet<>();
    int[] byShare = new int[10];
    int[] byOrder = new int[10];
    for (int i = 0; i < 100_000; i++) {
      long h = UserHash.of(7, Integer.toString(i));
      seen.add(h);
      byShare[(int) (UserHash.unit(h) * 10)]++;
      byOrder[(int) (((h >>> 11) * 0x1.0p-53) * 10)]++;
    }
    assertEquals(100_000, seen.size());
    for (int k = 0; k < 10; k++) {
      assertEquals(10_000, byShare[k], 400);
      assertEquals(10_000, byOrder[k], 400);
    }
  }

  @Test
  void zeroBytesAndLengthsCount() {
    assertTrue(UserHash.of(1, "a") != UserHash.of(1, "a\0"));
    assertTrue(UserHash.of(1, "12345678") != UserHash.of(1, "1234567"));
    assertTrue(UserHash.of(1, "a") != UserHash.of(2, "a"));
  }
}
