// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import io.github.tppo.judge.Template;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What a comparison needs of a model's answers once they are written.
 *
 * @param texts the answers, in the order of the file
 * @param unjudged answers that the judge failed on, by template
 */
public record AnswerSummary(List<String> texts, Relevance relevance, FormMetrics form,
    Map<Template, Long> unjudged) {

  /** Of a model's answers. */
  public static AnswerSummary of(List<ScoredAnswer> answers) {
    Map<Template, Long> unjudged = new EnumMap<>(Template.class);
    for (Template template : Template.values()) {
      unjudged.put(template, answers.stream().filter(a -> a.unjudged().containsKey(template)).count());
    }
    return new AnswerSummary(answers.stream().map(ScoredAnswer::text).toList(), Relevance.of(answers), FormMetrics.of(answers),
        unjudged);
  }
}
