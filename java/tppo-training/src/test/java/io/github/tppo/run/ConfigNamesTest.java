// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ConfigNamesTest {
  @Test
  void snakeCase() {
    assertEquals("learning_rate", ConfigNames.snake("learningRate"));
    assertEquals("top_k", ConfigNames.snake("topK"));
    assertEquals("use_kl_penalty", ConfigNames.snake("useKLPenalty"));
    assertEquals("top_p2", ConfigNames.snake("topP2"));
    assertEquals("seed", ConfigNames.snake("seed"));
  }

  @Test
  void distanceCountsSwapsAsOne() {
    assertEquals(0, ConfigNames.distance("abc", "abc"));
    assertEquals(1, ConfigNames.distance("abc", "acb"));
    assertEquals(3, ConfigNames.distance("", "abc"));
    assertEquals(3, ConfigNames.distance("kitten", "sitting"));
  }

  @Test
  void nearestIsOnlyWhatCanBeMeant() {
    assertEquals(Optional.of("batch_size"), ConfigNames.nearest("batchsize", List.of("beta", "batch_size")));
    assertEquals(Optional.empty(), ConfigNames.nearest("temperature", List.of("beta", "batch_size")));
  }
}
