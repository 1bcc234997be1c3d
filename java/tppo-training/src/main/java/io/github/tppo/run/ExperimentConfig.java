// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.List;
import java.util.Map;

/** What is trained beside TPPO and compared with it, and over which seeds (SPEC 7). */
public record ExperimentConfig(
    @Doc("Seeds, each a whole run in a folder seed-N, and a report over all of them; empty: one run with `seed`, in the run's folder itself")
        List<Long> seeds,
    @Doc("Further policies: a name, and what each has otherwise than TPPO, as a list of reward.KEY=value and policy.KEY=value")
        Map<String, List<String>> arms,
    AblationConfig ablation) {

  public ExperimentConfig {
    Check.require(seeds.stream().distinct().count() == seeds.size(), "seeds", seeds, "different numbers");
    for (String name : arms.keySet()) {
      Check.require(name.matches("[a-z][a-z0-9_]*"), "arms", name, "names of lower-case letters, digits and _");
    }
    seeds = List.copyOf(seeds);
  }

  /** One run of TPPO. */
  public static ExperimentConfig defaults() {
    return new ExperimentConfig(List.of(), Map.of(), AblationConfig.none());
  }
}
