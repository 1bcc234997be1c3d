// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.tppo.data.History;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FormMetricsTest {
  private static ScoredAnswer answer(String user, List<String> history, List<String> queries, boolean right, boolean finished,
      int tokens) {
    return new ScoredAnswer(user, History.of(history, List.of()), List.of("t"), "", queries, List.of(), List.of(), 0, 0.0, 0.0,
        Map.of(), right, finished, tokens);
  }

  @Test
  void countsByHand() {
    FormMetrics form = FormMetrics.of(List.of(
        answer("a", List.of("Red shoes", "cheap shoes"), List.of("red hat", "red hat", "blue hat"), true, true, 10),
        answer("b", List.of("weather"), List.of("weather paris"), false, true, 4),
        answer("c", List.of(), List.of("weather paris"), false, false, 7),
        answer("d", List.of("x"), List.of(), false, false, 1)));
    assertEquals(0.25, form.rightCount());
    assertEquals(0.5, form.finished());
    assertEquals(5.5, form.meanTokens());
    assertEquals(1 / 5.0, form.duplicateQueries(), 1e-15);
    assertEquals(3 / 4.0, form.distinctAnswers(), 1e-15, "users b and c got the same");
    assertEquals((2 + 1) / 10.0, form.wordsInHistory(), 1e-15, "red, red, weather; case does not matter");
  }

  @Test
  void wordsThatRepeatWithinAQueryAndWordsThatAreNew() {
    History history = new History(List.of("red shoes"), List.of("www.Hats.com"), List.of("blue bag"), List.of("news page"));
    FormMetrics form = FormMetrics.of(List.of(new ScoredAnswer("a", history, List.of("t"), "",
        List.of("shoes Shoes shoes", "hats bag", "shoes page sale"), List.of(), List.of(), 0, 0.0, 0.0, Map.of(), true, true, 9)));
    assertEquals(2 / 8.0, form.repeatedWords(), 1e-15, "a word of an earlier query does not count");
    assertEquals(4 / 8.0, form.wordsInHistory(), 1e-15, "shoes, searched for");
    assertEquals(1 / 8.0, form.novelty(), 1e-15, "sale; hats was clicked, bag bought, page visited");
  }

  @Test
  void noAnswersGiveZerosAndNoNaN() {
    assertEquals(new FormMetrics(0, 0, 0, 0, 0, 0, 0, 0), FormMetrics.of(List.of()));
  }
}
