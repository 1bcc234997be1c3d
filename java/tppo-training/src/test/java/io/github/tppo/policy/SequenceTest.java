// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class SequenceTest {
  @Test
  void responseFollowsPrompt() {
    Sequence sequence = new Sequence(new int[] {7, 8}, new int[] {9, 10, 11});
    assertEquals(5, sequence.length());
    int[] expected = {7, 8, 9, 10, 11};
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], sequence.token(i));
    }
  }

  @Test
  void emptyPromptIsRefusedAndEmptyResponseIsNot() {
    assertThrows(IllegalArgumentException.class, () -> new Sequence(new int[0], new int[] {1}));
    assertEquals(1, new Sequence(new int[] {1}, new int[0]).length());
  }
}
