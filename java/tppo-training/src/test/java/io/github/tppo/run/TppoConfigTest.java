// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

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
