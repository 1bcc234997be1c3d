// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import it.unimi.dsi.fastutil.longs.LongSet;

/**
 * Deals the users of one pass to the splits, and settles what an id means that stands in {@code files} and in
 * {@code eval_files}. Ids are compared by their 64-bit hashes; should two be equal by chance, a user of {@code files}
 * is taken for a shared one, which never lets a held-out user train.
 *
 * @param heldOut whether the users are those of {@code eval_files}
 * @param evalIds hashes of the ids of {@code eval_files}; empty without any
 */
record Dealer(DataConfig config, boolean heldOut, LongSet evalIds) {
  /** Why a user of {@code files} has no example who is one of {@code eval_files} too. */
  static final String IN_EVAL_FILES = "in_eval_files";
  /** Begins the new id of a user of {@code files}; ids of a log are stripped, so none begins with a space. */
  private static final String OF_FILES = " files:";

  /** The part of a user. */
  Split of(String user) {
    return heldOut ? Split.EVAL : Split.of(config, user);
  }

  /** Whether it is an id of {@code files} that stands in {@code eval_files} too. */
  boolean inEvalFiles(String user) {
    return !heldOut && !evalIds.isEmpty() && evalIds.contains(UserHash.of(config.seed(), user));
  }

  /**
   * What becomes of a user whose id may be shared. The same person does not train; of two people under one id in
   * eval.jsonl, the one of {@code files} gets another id.
   */
  LogForm.UserResult settle(LogForm.UserResult found) {
    if (found.examples().isEmpty() || !inEvalFiles(found.user())) {
      return found;
    }
    boolean samePeople = config.evalIds() == DataConfig.EvalIds.SAME_PEOPLE;
    if (of(found.user()) != Split.EVAL) {
      return samePeople ? found.dropped(IN_EVAL_FILES) : found;
    }
    return samePeople ? found : found.named(OF_FILES + found.user());
  }
}
