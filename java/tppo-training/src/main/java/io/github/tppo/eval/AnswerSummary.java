// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import java.util.List;

/**
 * What a comparison needs of a model's answers once they are written.
 *
 * @param texts the answers, in the order of the file
 */
public record AnswerSummary(List<String> texts, Relevance relevance, FormMetrics form) {

  /** Of a model's answers. */
  public static AnswerSummary of(List<ScoredAnswer> answers) {
    return new AnswerSummary(answers.stream().map(ScoredAnswer::text).toList(), Relevance.of(answers), FormMetrics.of(answers));
  }
}
