// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.function.BooleanSupplier;

/**
 * What a stage is given: the configuration, the folder, and ways to report and to learn that it should stop.
 *
 * @param <C> the root record of the configuration
 */
public final class RunContext<C extends Record> {
  private final C config;
  private final RunFolder folder;
  private final Backend backend;
  private final Reporter reporter;
  private final BooleanSupplier stop;
  private final String stage;
  private final boolean dumpRollouts;

  RunContext(C config, RunFolder folder, Backend backend, Reporter reporter, BooleanSupplier stop, String stage, boolean dumpRollouts) {
    this.config = config;
    this.folder = folder;
    this.backend = backend;
    this.reporter = reporter;
    this.stop = stop;
    this.stage = stage;
    this.dumpRollouts = dumpRollouts;
  }

  /** The resolved configuration. */
  public C config() {
    return config;
  }

  /** The run's folder. */
  public RunFolder folder() {
    return folder;
  }

  /** Where to compute, as asked for by the user. */
  public Backend backend() {
    return backend;
  }

  /** Whether the user asked for the rollouts of every round of PPO as files; no result depends on it. */
  public boolean dumpRollouts() {
    return dumpRollouts;
  }

  /** Begins a task with a progress bar of its own; the one before ends. */
  public ProgressListener progress(String task) {
    return reporter.task(task);
  }

  /** Shows one line to the user. */
  public void message(String line) {
    reporter.message(line);
  }

  /** Whether to save a checkpoint and end with {@link StoppedException}; cheap enough to ask at every step. */
  public boolean stopRequested() {
    return stop.getAsBoolean();
  }

  /** Ends the stage when that was asked for: for stages that have nothing to save at this point. */
  public void checkStop() {
    if (stopRequested()) {
      throw new StoppedException(stage);
    }
  }

  /** Keeps a figure of this stage, such as {@code tokens_per_s}; {@link RunState} hands it to the report. */
  public void figure(String name, double value) {
    folder.state().figure(stage, name, value);
  }
}
