// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.run.OutputFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Steps that were skipped because a gradient was not finite: one may be an accident of the data, many in a row are not, and training
 * gives up (INVARIANTS 4). The count belongs to a checkpoint.
 */
public final class SkippedSteps {
  private static final int MOST = 5;
  private static final String FILE = "skipped_in_a_row";

  private final String stage;
  private final String remedy;
  private int inARow;

  /**
   * @param stage what is training, for the message
   * @param remedy what to change in the configuration
   */
  public SkippedSteps(String stage, String remedy) {
    this.stage = stage;
    this.remedy = remedy;
  }

  /**
   * Counts a step.
   *
   * @throws ArithmeticException when it is the fifth in a row that was skipped
   */
  public void add(boolean skipped) {
    inARow = skipped ? inARow + 1 : 0;
    if (inARow >= MOST) {
      throw new ArithmeticException(stage + ": gradients were not finite in " + MOST + " steps in a row; " + remedy);
    }
  }

  public void save(Path folder) throws IOException {
    OutputFile.write(folder.resolve(FILE), Integer.toString(inARow));
  }

  public void load(Path folder) throws IOException {
    inARow = Integer.parseInt(Files.readString(folder.resolve(FILE)));
  }
}
