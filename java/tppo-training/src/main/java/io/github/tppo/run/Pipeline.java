// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What the command line runs: a configuration and the stages that it asks for.
 *
 * @param <C> the root record of the configuration
 */
public interface Pipeline<C extends Record> {
  /** The root record of the configuration, with a static method {@code defaults()}. */
  Class<C> config();

  /**
   * The stages that a configuration asks for, in their order.
   *
   * @throws ConfigException when it asks for what cannot be
   */
  List<Stage<C>> stages(C config);

  /** The runs that a configuration asks for, by their folder below {@code --out}; {@code ""} is that folder itself. */
  default Map<String, C> runs(C config) {
    return Map.of("", Objects.requireNonNull(config, "config"));
  }

  /**
   * Puts the results of several runs together.
   *
   * @param folder that above the runs' folders
   * @param runs the folders of all runs; each has been evaluated
   */
  default void combine(C config, RunFolder folder, List<Path> runs) throws IOException {}

  /** Names of the commands that run a part of the stages. */
  default List<String> commands() {
    return List.copyOf(new LinkedHashSet<>(stages(ConfigReader.defaults(config())).stream().map(Stage::command).toList()));
  }

  /** A pipeline with the same stages for every configuration. */
  static <C extends Record> Pipeline<C> of(Class<C> config, List<Stage<C>> stages) {
    return new Pipeline<>() {
      @Override
      public Class<C> config() {
        return config;
      }

      @Override
      public List<Stage<C>> stages(C any) {
        return stages;
      }
    };
  }
}
