// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The configurations that the project brings along. */
class ConfigFilesTest {
  private static final Path FOLDER = Path.of("..", "..", "config");

  private static TppoConfig read(String name) {
    return ConfigReader.read(TppoConfig.class, FOLDER.resolve(name), List.of());
  }

  private static void check(Pipeline<TppoConfig> pipeline, TppoConfig config) throws Exception {
    for (TppoConfig run : pipeline.runs(config).values()) {
      for (Stage<TppoConfig> stage : pipeline.stages(run)) {
        stage.check(stage.config(run));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"pretrain.yaml", "experiment.yaml"})
  void everyStageTakesTheConfiguration(String name) throws Exception {
    TppoConfig config = read(name);
    check(TppoPipeline.create(), config);
    for (Path file : config.data().files()) {
      assertTrue(Files.exists(file), file.toString());
    }
    for (Path file : config.data().evalFiles()) {
      assertTrue(Files.exists(file), file.toString());
    }
  }

  @Test
  void theExperimentSearchesEveryTrainedMethodAndHoldsItsUsersOut() throws Exception {
    TppoConfig config = read("experiment.yaml");
    check(SearchPipeline.create(), config);
    assertEquals(TppoPipeline.compared(config).stream().map(Arm::name).sorted().toList(),
        config.search().space().keySet().stream().sorted().toList());
    assertEquals(0, config.data().evalFraction(), "the users of the bundled log were seen while its settings were chosen");
    assertTrue(config.experiment().seeds().size() >= 3);
  }
}
