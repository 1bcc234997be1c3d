// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.io.IOException;
import java.util.List;

/**
 * One step of the pipeline: a pure function of (configuration, files of the stages before, seed) to files of the
 * run's folder. A stage that is killed and run again must end with the same files: it either starts over or goes on
 * from a checkpoint that it wrote with {@link AtomicFiles}.
 *
 * @param <C> the root record of the configuration
 */
public interface Stage<C extends Record> {
  /** The name: {@code prepare}, {@code sft}, {@code generate}, ... */
  String name();

  /** The command that runs this stage alone; stages of one command run one after the other. */
  default String command() {
    return name();
  }

  /** The configuration as this stage sees it: that of the run, or one in which some keys are otherwise. */
  default C config(C run) {
    return run;
  }

  /** Names of the stages whose files this one reads. */
  List<String> needs();

  /**
   * The keys of the configuration on which the result depends, as dotted paths; a section stands for all its keys.
   * When one of them changes, a finished stage is run again.
   */
  List<String> configKeys();

  /** Paths below the run's folder that this stage alone writes; they are deleted before it is run anew. */
  List<String> outputs();

  /**
   * Looks before any stage of a whole run begins for what would end this one.
   *
   * @param config as this stage sees it
   * @throws ConfigException names the key and what to do
   */
  default void check(C config) throws IOException {}

  /**
   * Does the work.
   *
   * @throws StoppedException when {@link RunContext#stopRequested()} was true, after saving a checkpoint
   */
  void run(RunContext<C> context) throws Exception;
}
