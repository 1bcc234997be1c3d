// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** Hears how far a piece of work has come. Calls may be frequent: a listener that prints must limit itself. */
@FunctionalInterface
public interface ProgressListener {
  /** Hears nothing. */
  ProgressListener NONE = (done, total, note) -> { };

  /**
   * Tells the state of the work.
   *
   * @param done units done so far
   * @param total units in all, or -1 when that is not known
   * @param note what to show beside the numbers, such as the current loss; may be empty
   */
  void update(long done, long total, String note);
}
