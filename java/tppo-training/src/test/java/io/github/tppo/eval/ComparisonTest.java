// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.data.Example;
import io.github.tppo.data.History;
import io.github.tppo.eval.PairVerdict.Outcome;
import io.github.tppo.judge.JudgeConfig;
import io.github.tppo.judge.JudgeException;
import io.github.tppo.judge.LexicalJudge;
import io.github.tppo.judge.Verdict;
import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComparisonTest {
  private static final List<Example> USERS = List.of(user("a"), user("b"), user("c"), user("d"));

  private static Example user(String id) {
    return new Example(id, History.of(List.of("red shoes"), List.of()), List.of("red hat", "blue hat"));
  }

  private static List<PairVerdict> ask(PairwiseJudge judge, List<Example> users, List<String> first, List<String> second)
      throws IOException {
    return PairVerdict.ask(judge, 3, users, first, second, ProgressListener.NONE, () -> { });
  }

  /** The longer text is better, an honest judge's rule for these tests. */
  private static Verdict longer(String first, String second) {
    int order = Integer.compare(first.length(), second.length());
    return order > 0 ? Verdict.FIRST : order < 0 ? Verdict.SECOND : Verdict.TIE;
  }

  @Test
  void countsWinsTiesAndLossesInPercent() throws IOException {
    List<String> first = List.of("xxx", "x", "xx", "xxxx");
    List<String> second = List.of("x", "xxx", "yy", "xx");
    List<PairVerdict> verdicts = ask((e, a, b) -> longer(a, b), USERS, first, second);
    assertEquals(new Comparison(50, 25, 25, 0, 0), Comparison.of(verdicts));
    assertEquals(new Comparison(25, 25, 50, 0, 0),
        Comparison.of(ask((e, a, b) -> longer(a, b), USERS, second, first)), "the order of the two decides nothing");
  }

  /** INVARIANTS 16. */
  @Test
  void aJudgeThatPrefersAPositionDecidesNothing() throws IOException {
    List<String> first = List.of("a1", "b1", "c1", "d1");
    List<String> second = List.of("a2", "b2", "c2", "d2");
    for (Verdict always : List.of(Verdict.FIRST, Verdict.SECOND)) {
      assertEquals(new Comparison(0, 100, 0, 1, 0), Comparison.of(ask((e, a, b) -> always, USERS, first, second)));
    }
    assertEquals(new Comparison(0, 100, 0, 0, 0), Comparison.of(ask((e, a, b) -> Verdict.TIE, USERS, first, second)));
  }

  /** A judge that takes the first in a known share of cases and else judges honestly flips in just that share. */
  @Test
  void theFlipRateIsTheBiasOfTheJudge() throws IOException {
    SplittableRandom random = new SplittableRandom(5);
    List<Example> users = new ArrayList<>();
    List<String> first = new ArrayList<>();
    List<String> second = new ArrayList<>();
    int biased = 0;
    int wins = 0;
    for (int i = 0; i < 1000; i++) {
      boolean bias = random.nextInt(4) == 0;
      boolean win = random.nextInt(3) > 0;
      users.add(user(bias ? "biased" : "honest"));
      first.add("x".repeat(win ? 3 : 1));
      second.add("xx");
      biased += bias ? 1 : 0;
      wins += win && !bias ? 1 : 0;
    }
    Comparison counts = Comparison.of(ask(
        (e, a, b) -> e.user().equals("biased") ? Verdict.FIRST : longer(a, b), users, first, second));
    assertEquals(biased / 1000.0, counts.flipRate(), 1e-12);
    assertEquals(wins / 10.0, counts.win(), 1e-12);
    assertEquals(biased / 10.0, counts.tie(), 1e-12);
    assertEquals((1000 - biased - wins) / 10.0, counts.lose(), 1e-12);
  }

  /** A verdict in one order and a tie in the other is no agreement either. */
  @Test
  void halfAVerdictIsAFlip() throws IOException {
    PairwiseJudge half = (e, a, b) -> a.equals("x") ? Verdict.FIRST : Verdict.TIE;
    assertEquals(new Comparison(0, 100, 0, 1, 0), Comparison.of(ask(half, List.of(USERS.get(0)), List.of("x"), List.of("y"))));
  }

  @Test
  void theSameAnswerTwiceIsATieAndNobodyIsAsked() throws IOException {
    PairwiseJudge none = (e, a, b) -> {
      throw new AssertionError("asked about " + a + " and " + b);
    };
    List<String> same = List.of("a", "b", "c", "d");
    assertEquals(new Comparison(0, 100, 0, 0, 0), Comparison.of(ask(none, USERS, same, same)));
  }

  /** INVARIANTS 15: a failure is counted, and in no share. */
  @Test
  void aFailureOfTheJudgeIsNoVerdict() throws IOException {
    PairwiseJudge failing = (e, a, b) -> {
      if (e.user().equals("c")) {
        throw new JudgeException("no reply");
      }
      return longer(a, b);
    };
    List<PairVerdict> verdicts = ask(failing, USERS, List.of("xx", "x", "xx", "xx"), List.of("x", "xx", "x", "x"));
    Comparison counts = Comparison.of(verdicts);
    assertEquals(200 / 3.0, counts.win(), 1e-12);
    assertEquals(100 / 3.0, counts.lose(), 1e-12);
    assertEquals(1, counts.unjudged());
    assertEquals(new PairVerdict("c", Outcome.UNJUDGED, false, "judge_failed: no reply"), verdicts.get(2));
    assertEquals(List.of("a", "b", "d"), PairVerdict.winMinusLose(verdicts).users());
  }

  /** A server that is not there is no matter of one pair. */
  @Test
  void aJudgeThatCannotBeAskedEndsTheComparison() {
    PairwiseJudge away = (e, a, b) -> {
      throw new IOException("no server");
    };
    assertEquals("no server", assertThrows(IOException.class,
        () -> ask(away, USERS, List.of("a", "b", "c", "d"), List.of("e", "f", "g", "h"))).getMessage());
  }

  @Test
  void aUsersSamplesCountTogether() throws IOException {
    List<Example> users = List.of(user("a"), user("a"), user("b"), user("b"));
    UserScores net = PairVerdict.winMinusLose(ask((e, a, b) -> longer(a, b), users,
        List.of("xx", "xx", "xx", "x"), List.of("x", "yy", "x", "xx")));
    assertEquals(List.of("a", "b"), net.users());
    assertEquals(50, net.values()[0]);
    assertEquals(0, net.values()[1]);
  }

  /** Scores decide by words first, then by the whole. */
  @Test
  void byScoresOfTheLexicalJudge() throws Exception {
    PairwiseJudge judge = new LexicalJudge(JudgeConfig.defaults())::compare;
    Example user = USERS.get(0);
    assertEquals(Verdict.FIRST, judge.compare(user, "red hat\nblue hat", "red hat\ngreen tea"));
    assertEquals(Verdict.SECOND, judge.compare(user, "red hat\ngreen tea", "red hat\nblue hat"));
    assertEquals(Verdict.TIE, judge.compare(user, "red tea\nblue tea", "blue milk\nred milk"));
    assertEquals(Verdict.FIRST, judge.compare(user, "red hat\nblue hat", "red hat"), "all words of both, but one query is missing");
  }

  @Test
  void verdictsAreKept(@TempDir Path dir) throws IOException {
    List<PairVerdict> verdicts = List.of(new PairVerdict("a", Outcome.WIN, false, null), new PairVerdict("b", Outcome.TIE, true, null),
        new PairVerdict("c", Outcome.UNJUDGED, false, "time-out"));
    Path file = PairVerdict.file(dir, "tppo_vs_sft");
    PairVerdict.write(file, verdicts);
    assertEquals(verdicts, PairVerdict.read(file));
    Files.writeString(file, "{\"user\":\"a\",\"outcome\":\"win\",\"flipped\":false}\n{\"user\":\"a\",\"outcome\":\"draw\"}\n");
    String message = assertThrows(IOException.class, () -> PairVerdict.read(file)).getMessage();
    assertTrue(message.startsWith(file + ":2: not a verdict on a pair: "), message);
  }

  @Test
  void ofNothingOrOfUnequalLists() throws IOException {
    assertEquals(new Comparison(0, 0, 0, 0, 0), Comparison.of(List.of()));
    assertThrows(IllegalArgumentException.class,
        () -> ask((e, a, b) -> Verdict.TIE, USERS, List.of("x"), List.of("x", "y", "z", "w")));
  }

  @Test
  void pairsAreNamedByTheModelThatTheMethodPutsFirst() {
    assertEquals(List.of("tppo_minus_printed", "tppo_minus_ppo", "tppo_minus_sft", "tppo_minus_copy", "printed_minus_ppo",
        "printed_minus_sft", "printed_minus_copy", "ppo_minus_sft", "ppo_minus_copy", "sft_minus_copy"),
        ModelPair.of(List.of("copy", "sft", "ppo", "tppo", "printed")).stream().map(ModelPair::difference).toList());
    assertEquals(List.of("tppo_vs_dpo", "tppo_vs_ppo", "tppo_vs_sft", "dpo_vs_ppo", "dpo_vs_sft", "ppo_vs_sft"),
        ModelPair.of(List.of("sft", "dpo", "ppo", "tppo")).stream().map(ModelPair::versus).toList());
  }
}
