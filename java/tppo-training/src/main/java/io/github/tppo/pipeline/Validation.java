// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.eval.AnswerJudge;
import io.github.tppo.judge.Judge;
import io.github.tppo.judge.Judges;
import io.github.tppo.judge.Template;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Workers;
import io.github.tppo.run.ProgressListener;
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
final class Validation implements AutoCloseable {
  private final List<Example> examples;
  private final Answers answers;
  private final int attempts;
  private final Runnable checkStop;
  private final Judge judge;
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
    this.queries = config.data().targets();
    this.attempts = config.judge().attempts();
    this.judge = Judges.of(config.judge(), context.folder().replies());
    // who is stopped here takes the whole step again: only for a judge that lets its caller wait
    this.checkStop = judge.concurrency() == 0 ? () -> { } : context::checkStop;
  }

  /**
   * Means over all responses; of relevance, over those that were judged, and NaN where none was.
   *
   * @param token relevance with the token template, in percent
   * @param sentence relevance with the sentence template, in percent
   * @param tokens length of a response
   * @param rightCount share of responses with the number of queries asked for
   * @param unjudged questions that the judge failed on, of two a response
   */
  record Scores(double token, double sentence, double tokens, double rightCount, long unjudged) {}

  /** Samples and judges; the same random numbers every time. NaN without a validation user. */
  Scores scores() throws IOException {
    double tokens = 0;
    double right = 0;
    List<Answers.Answer> sampled = answers.sample(examples, LongStream.range(0, examples.size()).toArray(), Answers.VALIDATE);
    List<String> texts = sampled.stream().map(answer -> answer.spans().text()).toList();
    for (int i = 0; i < examples.size(); i++) {
      tokens += sampled.get(i).ids().length;
      right += ResponseText.queries(texts.get(i)).size() == queries ? 1 : 0;
    }
    List<AnswerJudge.Judged> judged = new AnswerJudge(judge, attempts, Workers.count()).judge(examples, texts,
        ProgressListener.NONE, checkStop);
    double n = examples.size();
    return new Scores(percent(judged, Template.TOKEN), percent(judged, Template.SENTENCE), tokens / n, right / n,
        judged.stream().mapToLong(j -> j.failures().size()).sum());
  }

  private static double percent(List<AnswerJudge.Judged> judged, Template template) {
    double sum = 0;
    int n = 0;
    for (AnswerJudge.Judged each : judged) {
      Double relevance = each.relevance(template);
      if (relevance != null) {
        sum += relevance;
        n++;
      }
    }
    return 100 * sum / n;
  }

  /** Adds the scores to the metrics of a step, and how often the judge failed if it did; nothing without a validation user. */
  void addTo(Map<String, Double> metrics) throws IOException {
    if (!examples.isEmpty()) {
      Scores scores = scores();
      metrics.put("eval/judge_token_relevance", scores.token());
      metrics.put("eval/judge_sentence_relevance", scores.sentence());
      if (scores.unjudged() > 0) {
        metrics.put("eval/judge_failures", (double) scores.unjudged());
      }
    }
  }

  @Override
  public void close() throws IOException {
    judge.close();
  }
}
