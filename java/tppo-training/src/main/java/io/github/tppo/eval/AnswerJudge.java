// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import io.github.tppo.data.Example;
import io.github.tppo.judge.InOrder;
import io.github.tppo.judge.Judge;
import io.github.tppo.judge.JudgeException;
import io.github.tppo.judge.Judgement;
import io.github.tppo.judge.Template;
import io.github.tppo.judge.Verdict;
import io.github.tppo.run.Check;
import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/**
 * Has answers judged, as many at a time as the judge allows. A question that the judge fails on is asked again some times, then
 * stays open: a failure is no score (INVARIANTS 15).
 */
public final class AnswerJudge implements PairwiseJudge {
  private final Judge judge;
  private final int attempts;
  private final int threads;
  private final AtomicLong asked = new AtomicLong();

  /**
   * @param attempts how often a question is asked at most, {@link io.github.tppo.judge.JudgeConfig#attempts}
   * @param cores threads for a judge that does not keep its caller waiting
   */
  public AnswerJudge(Judge judge, int attempts, int cores) {
    this.judge = judge;
    this.attempts = attempts;
    this.threads = judge.concurrency() == 0 ? cores : judge.concurrency();
  }

  /**
   * What the judge said of an answer.
   *
   * @param judgements by template, without those that the judge failed on
   * @param failures why, by template
   */
  public record Judged(Map<Template, Judgement> judgements, Map<Template, String> failures) {
    /** The relevance score with a template, 0..1; null where the judge failed. */
    public Double relevance(Template template) {
      Judgement judgement = judgements.get(Objects.requireNonNull(template, "template"));
      return judgement == null ? null : (Double) judgement.relevance(template);
    }
  }

  /** A question to the judge. */
  private interface Question<T> {
    T ask() throws JudgeException, IOException;
  }

  /**
   * Asks about each answer with both templates, independently.
   *
   * @param examples the user of each answer
   * @param checkStop ends the work by an exception
   * @throws IOException when the judge cannot be asked at all
   */
  public List<Judged> judge(List<Example> examples, List<String> answers, ProgressListener progress, Runnable checkStop)
      throws IOException {
    Check.list("examples", examples);
    Check.list("answers", answers);
    Check.require(answers.size() == examples.size(), "answers", answers.size(), "one for each of " + examples.size() + " examples");
    Objects.requireNonNull(progress, "progress");
    List<Judged> all = new ArrayList<>();
    InOrder.forEach(IntStream.range(0, answers.size()).iterator(), threads, i -> judge(examples.get(i), answers.get(i)), judged -> {
      all.add(judged);
      progress.update(all.size(), answers.size(), "");
    }, checkStop);
    return all;
  }

  private Judged judge(Example example, String answer) throws IOException {
    Map<Template, Judgement> judgements = new EnumMap<>(Template.class);
    Map<Template, String> failures = new EnumMap<>(Template.class);
    for (Template template : Template.values()) {
      try {
        judgements.put(template, answerTo(() -> judge.judge(template, example, answer)));
      } catch (JudgeException e) {
        failures.put(template, e.reason() + ": " + e.getMessage());
      }
    }
    return new Judged(judgements, failures);
  }

  @Override
  public Verdict compare(Example example, String first, String second) throws JudgeException, IOException {
    Objects.requireNonNull(example, "example");
    Objects.requireNonNull(first, "first");
    Objects.requireNonNull(second, "second");
    return answerTo(() -> judge.compare(example, first, second));
  }

  private <T> T answerTo(Question<T> question) throws JudgeException, IOException {
    for (int attempt = 1;; attempt++) {
      asked.incrementAndGet();
      try {
        return question.ask();
      } catch (JudgeException e) {
        if (attempt >= attempts) {
          throw e;
        }
      }
    }
  }

  /** How many questions may be under way at a time, at least 1. */
  public int threads() {
    return threads;
  }

  /** How often the judge was asked. */
  public long asked() {
    return asked.get();
  }
}
