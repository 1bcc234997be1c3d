// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.List;
import java.util.Map;

/** What is trained beside TPPO and compared with it, and over which seeds (SPEC 7). */
public record ExperimentConfig(
    @Doc("Seeds, each a whole run in a folder seed-N, and a report over all of them; empty: one run with `seed`, in the run's folder itself")
        List<Long> seeds,
    @Doc("Further policies: a name, and what each has otherwise than the settings below, as a list of key=value. ppo is sentence-level PPO"
        + " and dpo direct preference optimisation, the baselines, with keys of reward and policy or of dpo; any other name is TPPO with"
        + " other keys of reward and policy")
        Map<String, List<String>> arms,
    AblationConfig ablation) {

  public ExperimentConfig {
    seeds = Check.list("seeds", seeds);
    Check.require(seeds.stream().distinct().count() == seeds.size(), "seeds", seeds, "different numbers");
    for (String name : arms.keySet()) {
      Check.require(name.matches("[a-z][a-z0-9_]*") && !List.of("copy", "sft", "tppo").contains(name), "arms", name,
          "names of lower-case letters, digits and _, other than copy, sft and tppo, which are always compared");
    }
  }

  /** One run of TPPO. */
  public static ExperimentConfig defaults() {
    return new ExperimentConfig(List.of(), Map.of(), AblationConfig.none());
  }
}
