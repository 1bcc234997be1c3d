// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.List;
import java.util.Map;

/** What {@code tppo search} tries for each method, judged on validation users, whom the evaluation does not see (SPEC 7). */
public record SearchConfig(
    @Doc("Policies trained for each method, the first of them as configured") int trials,
    @Doc("Validation examples on which each is judged; 0 = all") int examples,
    @Doc("Responses per example") int samplesPerExample,
    @Doc("For each method (tppo or a name of experiment.arms) the values to draw from, as a list of key=value|value|...")
        Map<String, List<String>> space) {

  public SearchConfig {
    Check.atLeast("trials", trials, 1);
    Check.notNegative("examples", examples);
    Check.atLeast("samples_per_example", samplesPerExample, 1);
  }

  /** Nothing to try. */
  public static SearchConfig defaults() {
    return new SearchConfig(4, 0, 2, Map.of());
  }
}
