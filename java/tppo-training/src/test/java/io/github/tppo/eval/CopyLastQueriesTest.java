// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.tppo.data.History;
import java.util.List;
import org.junit.jupiter.api.Test;

class CopyLastQueriesTest {

  @Test
  void givesTheNewestDistinctQueriesNewestFirst() {
    History history = new History(List.of("a", "b", "c", "b", "d", "b"), List.of(), List.of(), List.of());
    assertEquals(List.of("b", "d", "c"), CopyLastQueries.queries(history, 3));
    assertEquals(List.of("b", "d", "c", "a"), CopyLastQueries.queries(history, 9));
  }
}
