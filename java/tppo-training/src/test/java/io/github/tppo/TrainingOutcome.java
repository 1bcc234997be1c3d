// SPDX-License-Identifier: Apache-2.0
package io.github.tppo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * What a training gave, to be compared bit by bit.
 *
 * @param metrics of every step
 * @param weights by name, afterwards
 */
public record TrainingOutcome(List<Map<String, Double>> metrics, Map<String, float[]> weights) {
  /** What may stand where nothing counts. */
  public static final List<Float> POISON = List.of(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 1e30f, -1e30f);

  /** Everything is the same but the padding token's own row, of {@code hidden} numbers, in some embeddings. */
  public void assertSame(TrainingOutcome other, Predicate<String> embeddings, int padId, int hidden) {
    assertEquals(metrics, other.metrics);
    weights.forEach((name, values) -> {
      float[] found = other.weights.get(name).clone();
      if (embeddings.test(name)) {
        System.arraycopy(values, padId * hidden, found, padId * hidden, hidden);
      }
      assertArrayEquals(values, found, name);
    });
  }
}
