// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.List;

/** Which settings of TPPO are varied, one at a time, each value a policy of its own (SPEC 7). Lists may be empty. */
public record AblationConfig(
    @Doc("Weights of the local loss, equation 3; the global loss weighs the rest. Each trains a reward model too") List<Double> localWeight,
    @Doc("With and without the length penalty, equation 4") List<Boolean> lengthPenalty,
    @Doc("Steepness of the length penalty") List<Double> alpha,
    @Doc("Rewards of the classes 0, 1, 2, not centred") List<List<Double>> classValues,
    @Doc("How many of experiment.seeds, the first ones, run the ablations; 0 = all") int seeds) {

  public AblationConfig {
    for (double weight : localWeight) {
      Check.range("local_weight", weight, 0, 1);
    }
    alpha.forEach(a -> Check.notNegative("alpha", a));
    for (List<Double> values : classValues) {
      Check.require(values.size() == 3, "class_values", values, "lists of three numbers");
    }
    Check.notNegative("seeds", seeds);
    localWeight = List.copyOf(localWeight);
    lengthPenalty = Check.list("length_penalty", lengthPenalty);
    alpha = List.copyOf(alpha);
    classValues = List.copyOf(classValues);
  }

  /** No ablations. */
  public static AblationConfig none() {
    return new AblationConfig(List.of(), List.of(), List.of(), List.of(), 1);
  }
}
