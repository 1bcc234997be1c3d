// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** Training that a {@link TrainingLoop} can drive, save and go on with. A step depends on its number and the saved state alone. */
interface Trainable {
  /** Steps in all. */
  long totalSteps();

  /** Takes step {@code step}, counted from 0, and returns its metrics. */
  Map<String, Double> step(long step) throws IOException;

  /** What the progress bar shows beside the numbers. */
  String note(Map<String, Double> metrics);

  /** Whether training should end before {@link #totalSteps()}, seen from the metrics of the last step. */
  default boolean finished(Map<String, Double> metrics) {
    return false;
  }

  /** Writes all state into a folder. */
  void save(Path folder) throws IOException;

  /** Reads what {@link #save} wrote. */
  void load(Path folder) throws IOException;
}
