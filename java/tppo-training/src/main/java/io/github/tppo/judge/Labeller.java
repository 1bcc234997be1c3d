// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.Example;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Has sampled responses judged, as many at a time as the judge allows, and turns the scores into token classes (3.2 and
 * appendix D of the paper).
 *
 * <p>A response that the judge fails on, or whose word and sentence labels contradict each other ({@link MutualCheck}), is
 * asked again up to {@link JudgeConfig#attempts} times, then set aside in {@code rejected.jsonl} and counted; it never gets
 * a made-up score. Run again over the same responses, what is labelled is kept and what was set aside is asked again.
 */
public final class Labeller {

  private static final ObjectMapper JSON = new ObjectMapper();
  /** So much of the time and of what was asked of a server is missing in the statistics after a kill. */
  private static final long STATS_NANOS = 10_000_000_000L;

  private final Judge judge;
  private final Tokenizer tokenizer;
  private final JudgeConfig config;

  /**
   * @param judge     scores the responses
   * @param tokenizer the policy's, whose ids the responses are
   * @param config    the number of attempts, and what the mutual check needs
   */
  public Labeller(Judge judge, Tokenizer tokenizer, JudgeConfig config) {
    this.judge = judge;
    this.tokenizer = tokenizer;
    this.config = config;
  }

  /**
   * Labels responses into {@code dir/token.jsonl} or {@code dir/sentence.jsonl}, with {@code rejected.jsonl} and
   * {@code stats.json} beside it, in the order of the responses. With the sentence template words are empty and classes 0.
   *
   * @param responses the responses, read once; those labelled by an earlier run are skipped
   * @param total     how many there are, for the progress, or -1
   * @param checkStop called all the time; ends the labelling by an exception. What was labelled stays
   * @return the statistics over everything in the file
   * @throws IOException when a file cannot be read or written, or the judge cannot be asked; what was labelled stays
   */
  public LabelStats label(Iterator<GeneratedResponse> responses, Template template, Path dir, long total,
    ProgressListener progress, Runnable checkStop) throws IOException {
    Objects.requireNonNull(responses, "responses");
    Objects.requireNonNull(template, "template");
    Objects.requireNonNull(dir, "dir");
    Objects.requireNonNull(progress, "progress");
    Objects.requireNonNull(checkStop, "checkStop");
    long started = System.nanoTime();
    JudgeUsage usedBefore = judge.usage();
    String templateSha256 = judge.templateHashes().getOrDefault(template.key(), "");
    LabelStats.Counter counter = new LabelStats.Counter();
    try (LabelFiles files = new LabelFiles(dir, template)) {
      JsonNode before = files.readStats();
      JudgeUsage earlier = JSON.convertValue(before.path("usage"), JudgeUsage.class);
      Set<String> known = files.open(counter, templateSha256);
      Supplier<LabelStats> stats = () -> counter.stats(judge.name(), templateSha256,
        before.path("seconds").asDouble() + (System.nanoTime() - started) / 1e9,
        (earlier == null ? JudgeUsage.NONE : earlier).plus(judge.usage().minus(usedBefore)));
      files.writeStats(stats.get());
      long[] done = new long[1];
      long[] kept = {System.nanoTime()};
      try {
        InOrder.forEach(samples(responses, known), judge.concurrency(), sample -> judge(sample, template), outcome -> {
          write(outcome, files, counter);
          progress.update(++done[0], total, "");
          if (System.nanoTime() - kept[0] > STATS_NANOS) {
            files.writeStats(stats.get());
            kept[0] = System.nanoTime();
          }
        }, checkStop);
      } finally {
        files.writeStats(stats.get());
      }
      return stats.get();
    }
  }

  /** A response and its text; {@code spans} is null for one that is labelled already. */
  private record Sample(GeneratedResponse response, TokenSpans spans) {
  }

  /** What came of a sample: its label, or why there is none; neither for one that was labelled already. */
  private record Outcome(Sample sample, LabelledResponse label, JudgeException failure, int asked) {
  }

  private Iterator<Sample> samples(Iterator<GeneratedResponse> responses, Set<String> known) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return responses.hasNext();
      }

      @Override
      public Sample next() {
        GeneratedResponse response = responses.next();
        boolean open = known.add(LabelFiles.key(response.example().user(), response.stream()));
        return new Sample(response, open ? tokenizer.spans(response.responseIds()) : null);
      }
    };
  }

  private Outcome judge(Sample sample, Template template) throws IOException {
    if (sample.spans() == null) {
      return new Outcome(sample, null, null, 0);
    }
    Example example = sample.response().example();
    String text = sample.spans().text();
    JudgeException failure = null;
    for (int attempt = 1; attempt <= config.attempts(); attempt++) {
      try {
        Judgement judgement = judge.judge(template, example, text, j -> template == Template.SENTENCE ? null
          : MutualCheck.contradiction(config, example, text, j));
        return new Outcome(sample, labelled(sample, template, judgement), null, attempt);
      } catch (JudgeException e) {
        failure = e;
      }
    }
    return new Outcome(sample, null, failure, config.attempts());
  }

  private static void write(Outcome outcome, LabelFiles files, LabelStats.Counter counter) throws IOException {
    counter.ask(outcome.asked());
    if (outcome.label() != null) {
      files.label(outcome.label(), outcome.asked());
      counter.add(outcome.label());
    } else if (outcome.failure() != null) {
      counter.reject(outcome.failure().reason());
      files.reject(outcome.sample().response(), outcome.sample().spans().text(), outcome.failure().reason(),
        String.valueOf(outcome.failure().getMessage()));
    }
  }

  private static LabelledResponse labelled(Sample sample, Template template, Judgement judgement) {
    GeneratedResponse response = sample.response();
    List<WordScore> words = template == Template.TOKEN ? judgement.words() : List.of();
    return new LabelledResponse(response.example().user(), response.promptIds(), response.responseIds(), sample.spans().text(),
      words, judgement.sentence(), TokenClasses.of(sample.spans(), words), response.stream());
  }
}
