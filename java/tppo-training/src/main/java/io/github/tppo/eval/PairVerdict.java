// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.data.Example;
import io.github.tppo.judge.InOrder;
import io.github.tppo.judge.JudgeException;
import io.github.tppo.judge.Verdict;
import io.github.tppo.run.Check;
import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which of two models answered a user better: one line of {@code evaluate/pairwise/FIRST_vs_SECOND.jsonl}.
 *
 * @param outcome seen from the first model
 * @param flipped whether the judge said something else when shown the two in the other order; the outcome is a tie then
 *     (INVARIANTS 16)
 * @param reason why there is no verdict; null where there is one
 */
public record PairVerdict(
    @JsonProperty("user") String user,
    @JsonProperty("outcome") Outcome outcome,
    @JsonProperty("flipped") boolean flipped,
    @JsonProperty("reason") @JsonInclude(JsonInclude.Include.NON_NULL) String reason) {

  /** What a comparison ends with. */
  public enum Outcome {
    @JsonProperty("win") WIN,
    @JsonProperty("tie") TIE,
    @JsonProperty("lose") LOSE,
    /** The judge failed, which is no verdict (INVARIANTS 15). */
    @JsonProperty("unjudged") UNJUDGED
  }

  /**
   * Asks a judge in both orders about each pair of answers. The same text twice is a tie, and nobody is asked.
   *
   * @param threads how many pairs are asked about at a time
   * @param examples the user of each pair
   * @param first the first model's answers
   * @param second the second model's answers to the same users in the same order
   * @param checkStop ends the work by an exception
   * @throws IOException when the judge cannot be asked at all
   */
  public static List<PairVerdict> ask(PairwiseJudge judge, int threads, List<Example> examples, List<String> first,
      List<String> second, ProgressListener progress, Runnable checkStop) throws IOException {
    if (first.size() != examples.size() || second.size() != examples.size()) {
      throw new IllegalArgumentException(first.size() + " and " + second.size() + " answers, expected " + examples.size()
          + " of each model");
    }
    List<PairVerdict> all = new ArrayList<>();
    InOrder.forEach(IntStream.range(0, examples.size()).iterator(), threads,
        i -> ask(judge, examples.get(i), first.get(i), second.get(i)), verdict -> {
          all.add(verdict);
          progress.update(all.size(), examples.size(), "");
        }, checkStop);
    return all;
  }

  private static PairVerdict ask(PairwiseJudge judge, Example example, String first, String second) throws IOException {
    String user = example.user();
    if (first.equals(second)) {
      return new PairVerdict(user, Outcome.TIE, false, null);
    }
    try {
      Verdict forward = judge.compare(example, first, second);
      boolean flipped = judge.compare(example, second, first) != forward.swapped();
      Outcome outcome = flipped || forward == Verdict.TIE ? Outcome.TIE : forward == Verdict.FIRST ? Outcome.WIN : Outcome.LOSE;
      return new PairVerdict(user, outcome, flipped, null);
    } catch (JudgeException e) {
      return new PairVerdict(user, Outcome.UNJUDGED, false, e.reason() + ": " + e.getMessage());
    }
  }

  /** How far each user's answers won more than they lost, in points; users without a verdict are left out. */
  public static UserScores winMinusLose(List<PairVerdict> verdicts) {
    Check.list("verdicts", verdicts);
    List<PairVerdict> judged = verdicts.stream().filter(v -> v.outcome != Outcome.UNJUDGED).toList();
    return UserScores.of(judged.stream().map(PairVerdict::user).toList(),
        judged.stream().mapToDouble(v -> v.outcome == Outcome.WIN ? 100 : v.outcome == Outcome.LOSE ? -100 : 0).toArray());
  }

  /**
   * Where the verdicts on two models lie below a run's {@code evaluate} folder.
   *
   * @param pair {@link ModelPair#versus()}
   */
  public static Path file(Path evaluate, String pair) {
    return evaluate.resolve("pairwise").resolve(pair + ".jsonl");
  }

  /** Writes all verdicts on two models. */
  public static void write(Path file, List<PairVerdict> verdicts) throws IOException {
    JsonLines.write(file, Check.list("verdicts", verdicts));
  }

  /** Reads all verdicts on two models; a bad line is named. */
  public static List<PairVerdict> read(Path file) throws IOException {
    return JsonLines.read(file, PairVerdict.class, "a verdict on a pair");
  }
}
