// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** Shows a run to whoever watches it: a terminal, a log, nobody. */
public interface Reporter extends AutoCloseable {
  /** Shows nothing. */
  Reporter SILENT = new Reporter() {
    @Override
    public ProgressListener task(String name) {
      return ProgressListener.NONE;
    }

    @Override
    public void message(String line) { }
  };

  /** Begins a task, which ends the one before. */
  ProgressListener task(String name);

  /** Shows one line. */
  void message(String line);

  /** Ends the task, so that a progress bar does not stand in the way of what is printed next. */
  @Override
  default void close() { }
}
