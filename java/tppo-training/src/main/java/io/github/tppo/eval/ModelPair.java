// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/**
 * Two models that are compared. Results name the pair by the model that the method puts first: TPPO, other arms, DPO, PPO, SFT,
 * copying.
 */
public record ModelPair(String first, String second) {
  /** The baseline without a model; it has one answer a user, so none of its answers are compared one by one. */
  public static final String COPY = "copy";

  private static final List<String> LAST = List.of("dpo", "ppo", "sft", COPY);

  /** All pairs of some models; arms without a place of their own stay in the order given. */
  public static List<ModelPair> of(Collection<String> models) {
    List<String> sorted = models.stream().sorted(Comparator.comparingInt(ModelPair::place)).toList();
    List<ModelPair> pairs = new ArrayList<>();
    for (int i = 0; i < sorted.size(); i++) {
      for (String second : sorted.subList(i + 1, sorted.size())) {
        pairs.add(new ModelPair(sorted.get(i), second));
      }
    }
    return pairs;
  }

  private static int place(String model) {
    return model.equals("tppo") ? -2 : LAST.indexOf(model);
  }

  /** The key of their difference. */
  public String difference() {
    return first + "_minus_" + second;
  }

  /** The key of their comparison answer by answer. */
  public String versus() {
    return first + "_vs_" + second;
  }
}
