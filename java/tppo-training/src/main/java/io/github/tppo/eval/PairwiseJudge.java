// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import io.github.tppo.data.Example;
import io.github.tppo.judge.Judge;
import io.github.tppo.judge.JudgeException;
import io.github.tppo.judge.Judgement;
import io.github.tppo.judge.Template;
import io.github.tppo.judge.Verdict;
import java.io.IOException;
import java.util.Comparator;

/** Says which of two answers to a user is the better one. Implementations are safe for several threads. */
@FunctionalInterface
public interface PairwiseJudge {

  /**
   * Compares two answers in the order given.
   *
   * @param example the user's history and the queries that the user searched in truth
   * @throws JudgeException when no verdict could be had
   * @throws IOException when the judge cannot be asked at all
   */
  Verdict compare(Example example, String first, String second) throws JudgeException, IOException;

  /**
   * Compares by scores: the larger share of relevant words is better, and of two equal shares the one that is relevant as a
   * whole, which asks for the right number of queries too. Each answer is scored alone, so the order cannot matter.
   */
  static PairwiseJudge byScores(Judge judge) {
    Comparator<Judgement> better = Comparator.<Judgement>comparingDouble(j -> j.relevance(Template.TOKEN))
        .thenComparingInt(Judgement::sentence);
    return (example, first, second) -> {
      int order = better.compare(judge.judge(Template.TOKEN, example, first), judge.judge(Template.TOKEN, example, second));
      return order > 0 ? Verdict.FIRST : order < 0 ? Verdict.SECOND : Verdict.TIE;
    };
  }
}
