// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.data.Example;
import java.io.IOException;
import java.util.Comparator;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

/** Scores generated responses against a user's history and true queries. Implementations are safe for several threads. */
public interface Judge extends AutoCloseable {

  /**
   * Judges one response.
   *
   * @param template     whether the words are scored too
   * @param example      the user's history and the queries that the user searched in truth
   * @param responseText the response without special tokens
   * @return with {@link Template#TOKEN} one score for every word of {@link io.github.tppo.text.ResponseText#words}, in order
   * @throws JudgeException when no judgement of this response could be had
   * @throws IOException    when the judge cannot be asked at all, so that further questions are in vain
   */
  Judgement judge(Template template, Example example, String responseText) throws JudgeException, IOException;

  /**
   * As {@link #judge(Template, Example, String)}, for a judgement that must pass a check. A judge that keeps replies takes the
   * first that passes, and asks anew when there is none.
   *
   * @param fault what is wrong with a judgement, or null
   */
  default Judgement judge(Template template, Example example, String responseText, Function<Judgement, String> fault)
    throws JudgeException, IOException {
    return checked(judge(template, example, responseText), fault);
  }

  /**
   * Compares two responses to the same user in the order given. Judges have a liking for a place: ask in both orders.
   * Unless a judge knows better, it goes by the token template: the larger share of relevant words is better, and of two equal
   * shares the one that is relevant as a whole, which asks for the right number of queries too. Each is scored alone then, so
   * that the order cannot matter.
   *
   * @throws JudgeException when no verdict could be had
   * @throws IOException    when the judge cannot be asked at all
   */
  default Verdict compare(Example example, String first, String second) throws JudgeException, IOException {
    Objects.requireNonNull(example, "example");
    Objects.requireNonNull(first, "first");
    Objects.requireNonNull(second, "second");
    int order = Comparator.<Judgement>comparingDouble(j -> j.relevance(Template.TOKEN)).thenComparingInt(Judgement::sentence)
      .compare(judge(Template.TOKEN, example, first), judge(Template.TOKEN, example, second));
    return order > 0 ? Verdict.FIRST : order < 0 ? Verdict.SECOND : Verdict.TIE;
  }

  /** A name for reports. */
  String name();

  /** How many questions may be under way at a time; 0 for a judge that does not keep its caller waiting. */
  default int concurrency() {
    return 0;
  }

  /** The SHA-256 of every template by its name; empty for a judge without templates. */
  default Map<String, String> templateHashes() {
    return Map.of();
  }

  /** What was asked of a server since this judge was made. */
  default JudgeUsage usage() {
    return JudgeUsage.NONE;
  }

  @Override
  default void close() throws IOException {
  }

  /** {@code judgement}, unless {@code fault} finds something wrong with it. */
  static Judgement checked(Judgement judgement, Function<Judgement, String> fault) throws JudgeException {
    String found = fault.apply(judgement);
    if (found != null) {
      throw new JudgeException("contradiction", found);
    }
    return judgement;
  }
}
