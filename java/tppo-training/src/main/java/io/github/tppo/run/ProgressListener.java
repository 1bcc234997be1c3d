// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** Hears how far a stage is. Called from the stage's own thread, often: an implementation must be cheap. */
@FunctionalInterface
public interface ProgressListener {
    /** Does nothing. */
    ProgressListener NONE = (done, total, note) -> { };

    /**
     * Reports progress.
     *
     * @param done units done so far, never falling within a stage
     * @param total units in all, or -1 when unknown
     * @param note what is being worked on, for people; may be empty
     */
    void update(long done, long total, String note);
}
