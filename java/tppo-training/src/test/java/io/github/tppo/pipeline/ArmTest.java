// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.run.ConfigException;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.TppoConfig;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArmTest {
  @ParameterizedTest
  @CsvSource({"ppo, policy.alpha=9", "ppo, policy.class_values=[5 5 5]", "ppo, reward.local_weight=0.9", "ppo, dpo.beta=1", "dpo, policy.kl_coef=1",
      "other, dpo.beta=1", "other, sft.epochs=1", "other, policy"})
  void settingsThatMeanNothingToAnArmAreRefused(String name, String override) {
    ConfigException e = assertThrows(ConfigException.class, () -> Arm.of(name, List.of(override)));
    assertTrue(e.getMessage().startsWith("experiment.arms." + name + ": found " + override), e.getMessage());
  }

  @Test
  void everyKeyWithoutEffectIsAKey() {
    TppoConfig config = TppoConfig.defaults();
    for (String key : Method.PPO.withoutEffect()) {
      ConfigException e = assertThrows(ConfigException.class, () -> ConfigReader.with(config, List.of(key + "={no: value}"), "test"));
      assertTrue(!e.getMessage().contains("unknown key"), e.getMessage());
    }
  }

  @Test
  void anArmMayBeCalledAsAnAblationNearlyIs() {
    TppoConfig config = ConfigReader.with(TppoConfig.defaults(), List.of("experiment.arms={length_penalty_off: [policy.kl_coef=0.5]}",
        "experiment.ablation.length_penalty=[false]", "experiment.ablation.class_values=[[0, 1, 2]]"), "test");
    List<String> names = TppoPipeline.create().stages(config).stream().map(s -> s.name()).toList();
    assertEquals(names.size(), new HashSet<>(names).size(), names.toString());
    assertEquals(4, names.stream().filter(n -> n.startsWith("train-policy")).count(), names.toString());
  }
}
