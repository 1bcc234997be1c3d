// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.run.Check;
import java.util.Objects;

/**
 * A labelled response.
 *
 * @param classes class 0, 1 or 2 of each scored token
 * @param sentence 1 irrelevant, 2 relevant: the sentence label on the scale of the classes
 */
public record RewardSample(RewardInput input, int[] classes, float sentence) {

  public RewardSample {
    Objects.requireNonNull(classes, "classes");
    for (int each : classes) {
      Check.range("classes", each, 0, 2);
    }
    if (classes.length != input.scored()) {
      throw new IllegalArgumentException("classes: " + classes.length + " values, expected " + input.scored());
    }
  }
}
