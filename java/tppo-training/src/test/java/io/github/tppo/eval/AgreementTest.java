// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AgreementTest {
  @TempDir
  Path dir;

  private Agreement agreement(String human, String labels) throws IOException {
    Path first = dir.resolve("human.jsonl");
    Path second = dir.resolve("labels.jsonl");
    Files.writeString(first, human);
    Files.writeString(second, labels);
    return Agreement.of(first, second);
  }

  /** 20 and 15 of 50 alike, 5 and 10 not: 0.7 agree, chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5, kappa 0.2 / 0.5. */
  @Test
  void kappaByHand() {
    long[] counts = {20, 5, 10, 15};
    assertEquals(0.7, AgreementLevel.agreement(counts), 1e-15);
    assertEquals(0.4, AgreementLevel.kappa(counts), 1e-15);
    assertEquals(0, AgreementLevel.kappa(new long[] {9, 3, 3, 1}), 1e-15, "as often as chance would");
    assertEquals(-1, AgreementLevel.kappa(new long[] {0, 4, 4, 0}), 1e-15);
    assertEquals(1, AgreementLevel.kappa(new long[] {7, 0, 0, 2}), 1e-15);
    assertTrue(Double.isNaN(AgreementLevel.kappa(new long[] {5, 0, 0, 0})), "one score throughout says nothing");
  }

  /** Values of scikit-learn 1.9.1's cohen_kappa_score. */
  @Test
  void kappaOfAnotherImplementation() {
    assertEquals(0.7991850989522701, AgreementLevel.kappa(new long[] {131, 17, 29, 423}), 1e-12);
    assertEquals(-0.041629760850310005, AgreementLevel.kappa(new long[] {3, 40, 2, 11}), 1e-12);
  }

  @Test
  void wordsAndWholesAreComparedAndListed() throws IOException {
    Agreement a = agreement("""
        {"user":"u1","stream":0,"text":"1 red hat\\n2 blue hat","words":[{"word":"red","score":1},{"word":"hat","score":1},{"word":"blue","score":0},{"word":"hat","score":0}],"sentence":1}
        {"user":"u2","stream":3,"text":"1 the news","word_scores":[null,0],"sentence":0}
        """, """
        {"user":"u2","stream":3,"text":"1 the news","words":[{"word":"the","start":2,"end":5,"score":-1},{"word":"news","start":6,"end":10,"score":0}],"sentence":1,"classes":[],"prompt_ids":[],"response_ids":[]}
        {"user":"u9","stream":1,"text":"1 x","words":[],"sentence":1}
        {"user":"u1","stream":0,"text":"1 red hat\\n2 blue hat","words":[{"word":"red","start":2,"end":5,"score":1},{"word":"hat","start":6,"end":9,"score":0},{"word":"blue","start":12,"end":16,"score":0},{"word":"hat","start":17,"end":20,"score":0}],"sentence":1}
        """);
    assertEquals(new Agreement.Responses(2, 0, 0), a.responses());
    assertEquals(5, a.words().compared());
    assertEquals(0.8, a.words().agreement(), 1e-15);
    assertEquals(List.of(1L, 1L, 0L, 3L), List.of(a.words().bothRelevant(), a.words().humanRelevant(), a.words().judgeRelevant(),
        a.words().bothIrrelevant()));
    assertEquals(1, a.wordsUnscored(), "the");
    assertEquals(0, a.wordsUnmatched());
    assertEquals(2, a.sentences().compared());
    assertEquals(0.5, a.sentences().agreement(), 1e-15);
    assertEquals(List.of(new Agreement.Disagreement(1, "u1", 0, "hat", 6, "red hat", 1, 0),
        new Agreement.Disagreement(2, "u2", 3, null, null, "1 the news", 0, 1)), a.disagreements());
    a.writeDisagreements(dir.resolve("list.jsonl"));
    assertEquals("{\"line\":1,\"user\":\"u1\",\"stream\":0,\"word\":\"hat\",\"start\":6,\"query\":\"red hat\",\"human\":1,\"judge\":0}",
        Files.readAllLines(dir.resolve("list.jsonl")).get(0));
  }

  @Test
  void whatCannotBeMatchedIsCounted() throws IOException {
    Agreement a = agreement("""
        {"user":"u1","stream":0,"text":"a b c","words":[{"word":"a","score":1},{"word":"d","score":1},{"word":"c","score":0}],"sentence":null}
        {"user":"u1","stream":1,"text":"a","word_scores":[1],"sentence":1}
        {"user":"u2","stream":0,"text":"old text","word_scores":[1,1],"sentence":1}
        """, """
        {"user":"u1","stream":0,"text":"a b c","word_scores":[1,1,1],"sentence":0}
        {"user":"u2","stream":0,"text":"new text","word_scores":[1,1],"sentence":1}
        """);
    assertEquals(new Agreement.Responses(1, 1, 1), a.responses());
    assertEquals(2, a.words().compared(), "a and c");
    assertEquals(2, a.wordsUnmatched(), "d is no word of the text, of b the human says nothing");
    assertEquals(0, a.sentences().compared());
    assertEquals(1, a.sentencesUnscored());
    assertNull(a.sentences().agreement());
    assertNull(a.sentences().kappaCi95());
    assertEquals(0.0, a.words().kappa(), "the judge gave one score throughout, the human two");
  }

  /** Responses of one word are independent: the interval is the binomial's, and twice the same word is no more evidence than once. */
  @Test
  void intervalsAreOverResponses() {
    SplittableRandom random = new SplittableRandom(5);
    List<long[]> single = new ArrayList<>();
    List<long[]> twice = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      int kind = random.nextInt(10) < 8 ? (random.nextInt(2) == 0 ? AgreementLevel.BOTH : AgreementLevel.NEITHER) : AgreementLevel.HUMAN;
      long[] one = new long[4];
      one[kind] = 1;
      long[] two = new long[4];
      two[kind] = 2;
      single.add(one);
      twice.add(two);
    }
    AgreementLevel level = AgreementLevel.of(single, 4000, 1);
    double half = 1.96 * Math.sqrt(level.agreement() * (1 - level.agreement()) / 400);
    assertEquals(2 * half, level.agreementCi95().get(1) - level.agreementCi95().get(0), 0.2 * half);
    AgreementLevel doubled = AgreementLevel.of(twice, 4000, 1);
    assertEquals(level.agreementCi95(), doubled.agreementCi95());
    assertEquals(level.kappaCi95().get(0), doubled.kappaCi95().get(0), 1e-12);
    assertTrue(level.kappaCi95().get(0) < level.kappa() && level.kappa() < level.kappaCi95().get(1));
  }

  @Test
  void badLinesAreNamed() {
    String good = "{\"user\":\"u\",\"stream\":0,\"text\":\"a b\",\"word_scores\":[1,0],\"sentence\":1}\n";
    assertFault(good + "{\"user\":", "human.jsonl:2: not valid JSON: ");
    assertFault(good + "\n" + good, "human.jsonl:3: user u, stream 0 is in line 1 already; keep one of the two");
    assertFault("{\"stream\":0,\"text\":\"a\"}", "human.jsonl:1: user: found nothing, expected a text");
    assertFault("{\"user\":\"u\",\"text\":\"a\"}", "human.jsonl:1: stream: found nothing, expected the number of the sample");
    assertFault(good.replace("[1,0]", "[1]"), "human.jsonl:1: word_scores: found [1], expected one score for each of the words [a, b]");
    assertFault(good.replace("[1,0]", "[1,2]"), "human.jsonl:1: word_scores[1]: found 2, expected 1 (relevant), 0 (irrelevant), or null");
    assertFault(good.replace("\"sentence\":1", "\"sentence\":\"yes\""), "human.jsonl:1: sentence: found \"yes\", expected 1 (relevant)");
    assertFault(good.replace("\"word_scores\":[1,0]", "\"words\":[{\"score\":1}]"), "human.jsonl:1: word: found nothing, expected a text");
    assertFault("[1]", "human.jsonl:1: user: found nothing");
  }

  private void assertFault(String human, String expected) {
    String message = assertThrows(IOException.class, () -> agreement(human, "")).getMessage();
    assertTrue(message.startsWith(dir + "/" + expected) || message.startsWith(dir.resolve(expected).toString()), message);
  }
}
