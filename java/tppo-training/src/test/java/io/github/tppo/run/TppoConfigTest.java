// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TppoConfigTest {
  @Test
  void whatInitWritesReadsBackAsTheDefaults() {
    String yaml = ConfigTemplate.yaml(TppoConfig.defaults());
    assertEquals(TppoConfig.defaults(), ConfigReader.read(TppoConfig.class, yaml, "c.yaml", Path.of("/c"), List.of()));
  }

  @Test
  void resolvedConfigurationReadsBackAsItself() {
    TppoConfig config = ConfigReader.read(TppoConfig.class,
        List.of("data.files=logs/*.gz", "sft.init=random", "policy.class_values=0,-1,1", "reward.init=model"));
    assertEquals(config, ConfigReader.read(TppoConfig.class, ConfigWriter.json(config), "c.json", Path.of("/elsewhere"), List.of()));
    assertEquals("random", config.sft().init());
    assertEquals(Path.of("model").toAbsolutePath().toString(), config.reward().init(), "a folder is relative, a word is not");
  }

  /** What no kernel takes is refused before the run begins, and not hours later; what they take is accepted. */
  @ParameterizedTest
  @ValueSource(strings = {"policy.alpha=1e7", "policy.kl_coef=1e31", "policy.clip_high=1e31", "policy.dual_clip=1e31", "policy.dual_clip=1",
      "policy.entropy_coef=1e31", "policy.value_clip=1e31", "policy.class_values=0,1e31,1", "policy.gamma=1.0001", "policy.lambda=-0.1",
      "sampling.temperature=1e-40", "sampling.temperature=1e31", "sampling.temperature=0", "reward.class_weights=1,1,1e31", "reward.balance_ratio=1e31",
      "dpo.beta=1e31", "dpo.beta=0", "policy.optimizer.beta1=1", "sft.optimizer.beta2=1", "sft.optimizer.learning_rate=0",
      "sft.optimizer.learning_rate=1e31", "sft.optimizer.epsilon=0", "sft.optimizer.weight_decay=1e31", "sft.optimizer.max_grad_norm=1e31"})
  void settingsBeyondThoseOfTheKernelsAreRefusedByTheirKey(String set) {
    String message = assertThrows(ConfigException.class, () -> ConfigReader.read(TppoConfig.class, List.of(set))).getMessage();
    assertTrue(message.contains(set.substring(0, set.indexOf('='))) && message.contains("expected"), message);
    ConfigReader.read(TppoConfig.class, List.of("policy.alpha=1000", "policy.kl_coef=1e6", "policy.clip_low=0", "policy.clip_high=1e30",
        "sampling.temperature=1e-4", "reward.class_weights=0,1e6,1", "sft.optimizer.beta2=0.9999999999", "sft.optimizer.epsilon=1e-30"));
  }

  @Test
  void everyKeyIsExplained() {
    explained(TppoConfig.class, "");
  }

  private static void explained(Class<?> type, String path) {
    for (RecordComponent component : type.getRecordComponents()) {
      String key = ConfigNames.join(path, ConfigNames.snake(component.getName()));
      if (component.getType().isRecord()) {
        explained(component.getType(), key);
      } else {
        assertNotNull(component.getAnnotation(Doc.class), key + " has no @Doc");
        assertTrue(component.getAnnotation(Doc.class).value().length() > 3, key);
      }
    }
  }
}
