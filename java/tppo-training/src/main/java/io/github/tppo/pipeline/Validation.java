// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.judge.LexicalJudge;
import io.github.tppo.judge.Template;
import io.github.tppo.model.Decoder;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/** The judge's scores of a policy on validation users: where they part from the reward model's, the latter is gamed. */
final class Validation {
  private final List<Example> examples;
  private final Answers answers;
  private final LexicalJudge judge;
  private final int queries;

  /**
   * @param most examples of validation users; 0 = all
   * @param samples responses to each
   */
  Validation(RunContext<TppoConfig> context, Decoder policy, Tokenizer tokenizer, int most, int samples) throws IOException {
    TppoConfig config = context.config();
    this.examples = PolicyModels.examples(context.folder(), "valid", most).stream()
        .flatMap(example -> Collections.nCopies(samples, example).stream()).toList();
    this.answers = new Answers(policy, tokenizer, config);
    this.judge = new LexicalJudge(config.judge());
    this.queries = config.data().targets();
  }

  /**
   * Means over all responses.
   *
   * @param token relevance with the token template, in percent
   * @param sentence relevance with the sentence template, in percent
   * @param tokens length of a response
   * @param rightCount share of responses with the number of queries asked for
   */
  record Scores(double token, double sentence, double tokens, double rightCount) {}

  /** Samples and judges; the same random numbers every time. NaN without a validation user. */
  Scores scores() {
    double words = 0;
    double whole = 0;
    double tokens = 0;
    double right = 0;
    List<Answers.Answer> sampled = answers.sample(examples, LongStream.range(0, examples.size()).toArray(), Answers.VALIDATE);
    for (int i = 0; i < examples.size(); i++) {
      String text = sampled.get(i).spans().text();
      words += judge.judge(Template.TOKEN, examples.get(i), text).relevance(Template.TOKEN);
      whole += judge.judge(Template.SENTENCE, examples.get(i), text).relevance(Template.SENTENCE);
      tokens += sampled.get(i).ids().length;
      right += ResponseText.queries(text).size() == queries ? 1 : 0;
    }
    double n = examples.size();
    return new Scores(100 * words / n, 100 * whole / n, tokens / n, right / n);
  }

  /** Adds the scores to the metrics of a step; nothing without a validation user. */
  void addTo(Map<String, Double> metrics) {
    if (!examples.isEmpty()) {
      Scores scores = scores();
      metrics.put("eval/judge_token_relevance", scores.token());
      metrics.put("eval/judge_sentence_relevance", scores.sentence());
    }
  }
}
