// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** Thrown by a stage that was asked to stop (Ctrl-C), after it has saved what it needs to go on. */
public final class StoppedException extends RunException {
  private static final long serialVersionUID = 1L;

  /** @param stage the stage's name */
  public StoppedException(String stage) {
    super("stopped during " + stage);
  }
}
