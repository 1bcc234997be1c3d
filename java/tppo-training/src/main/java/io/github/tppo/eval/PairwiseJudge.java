// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import io.github.tppo.data.Example;
import io.github.tppo.judge.JudgeException;
import io.github.tppo.judge.Verdict;
import java.io.IOException;

/** Says which of two answers to a user is the better one, as {@link io.github.tppo.judge.Judge#compare} does. Safe for several threads. */
@FunctionalInterface
public interface PairwiseJudge {

  /**
   * Compares two answers in the order given.
   *
   * @param example the user's history and the queries that the user searched in truth
   * @throws JudgeException when no verdict could be had
   * @throws IOException when it is in vain to ask on
   */
  Verdict compare(Example example, String first, String second) throws JudgeException, IOException;
}
