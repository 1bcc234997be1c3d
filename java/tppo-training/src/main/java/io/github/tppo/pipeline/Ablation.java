// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.run.AblationConfig;
import io.github.tppo.run.TppoConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The variations of single settings that a configuration asks for.
 *
 * @param setting the key below {@code experiment.ablation}
 * @param value as the results name it
 * @param arm the policy with this value; TPPO itself where the run's configuration has this value already
 */
record Ablation(String setting, String value, Arm arm) {

  /** All variations, setting by setting. */
  static List<Ablation> of(TppoConfig config) {
    AblationConfig ablation = config.experiment().ablation();
    List<Ablation> all = new ArrayList<>();
    for (double w : ablation.localWeight()) {
      all.add(vary(config, "local_weight", Double.toString(w),
          "reward.local_weight=" + w, "reward.global_weight=" + Math.round((1 - w) * 1e9) / 1e9));
    }
    for (boolean on : ablation.lengthPenalty()) {
      all.add(vary(config, "length_penalty", on ? "on" : "off", "policy.length_penalty=" + on));
    }
    for (double alpha : ablation.alpha()) {
      all.add(vary(config, "alpha", Double.toString(alpha), "policy.alpha=" + alpha));
    }
    for (List<Double> values : ablation.classValues()) {
      String list = values.stream().map(Ablation::brief).collect(Collectors.joining(","));
      all.add(vary(config, "class_values", list, "policy.class_values=" + list, "policy.center_rewards=false"));
    }
    return all;
  }

  /** The arms of the variations, each once, without TPPO. */
  static List<Arm> arms(List<Ablation> ablations) {
    Map<String, Arm> arms = new LinkedHashMap<>();
    ablations.stream().map(Ablation::arm).filter(a -> a != Arm.TPPO).forEach(a -> arms.put(a.name(), a));
    return List.copyOf(arms.values());
  }

  private static Ablation vary(TppoConfig config, String setting, String value, String... overrides) {
    String name = setting + "-" + value.replace(',', '_'); // no arm of the user's can have this name
    Arm arm = Arm.TPPO.variant(name, "ablation/" + name + "/", List.of(overrides), "experiment.ablation." + setting);
    return new Ablation(setting, value, arm.config(config).equals(config) ? Arm.TPPO : arm);
  }

  private static String brief(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }
}
