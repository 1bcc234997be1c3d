// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.run.ConfigException;
import io.github.tppo.run.ConfigReader;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DataConfigTest {
  @Test
  void defaultsAreValid() {
    assertEquals(3, DataConfig.defaults().targets());
    assertEquals(DataConfig.Form.AOL, DataConfig.defaults().form());
  }

  @Test
  void filesAreRelativeToTheConfiguration() {
    DataConfig c = ConfigReader.read(DataConfig.class, "files: [logs/*.gz, /abs/x]\nform: excite\n", "c.yaml",
        Path.of("/base"), List.of());
    assertEquals(List.of(Path.of("/base/logs/*.gz"), Path.of("/abs/x")), c.files());
    assertEquals(DataConfig.Form.EXCITE, c.form());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {"targets=0 | targets: 0, expected at least 1",
      "min_targets=4 | min_targets: 4, expected 0 to targets (3)", "history_limit=0 | history_limit: 0, expected at least 1",
      "eval_fraction=0.95 | eval_fraction: 0.95, expected less than 1 together with valid_fraction (0.1)",
      "valid_fraction=-0.1 | valid_fraction: -0.1, expected 0 or more", "max_train=-1 | max_train: -1, expected at least 0",
      "delimiter=ab | delimiter: \"ab\", expected tab, or one character", "max_line_bytes=3 | max_line_bytes: 3, expected 64 to",
      "time_pattern=yyyy-bb | time_pattern: \"yyyy-bb\", expected a date pattern", "columns.user= | columns.user: empty",
      "eval_ids=nobody | eval_ids: "})
  void impossibleValuesAreNamed(String setting, String expected) {
    String message = assertThrows(ConfigException.class, () -> ConfigReader.read(DataConfig.class, List.of(setting)))
        .getMessage();
    assertTrue(message.contains(expected), message);
  }
}
