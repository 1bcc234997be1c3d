// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.text.ResponseText.Line;
import io.github.tppo.text.ResponseText.Word;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ResponseTextTest {

  private static List<String> words(String text) {
    return ResponseText.words(text).stream().map(Word::text).toList();
  }

  @Test
  void numbersAreNotPartOfTheQuery() {
    List<Line> lines = ResponseText.lines("1 red shoes\n2  hats \n3\n12. x\n");
    assertEquals(List.of(new Line("red shoes", 2, 11, 1), new Line("hats", 15, 19, 2), new Line("", 22, 22, 3),
      new Line("x", 27, 28, 12)), lines);
  }

  @Test
  void aNumberThatIsPartOfTheQueryStays() {
    assertEquals(List.of("2006 calendar", "7 eleven", "3d films"),
      ResponseText.queries("1 2006 calendar\n2 7 eleven\n3d films"));
    // Without numbers every query stands after a blank, and so does its own number.
    String plain = new PromptFormat(false, 0, 0, 0).response(List.of("7 eleven", "1 direction"));
    assertEquals(List.of("7 eleven", "1 direction"), ResponseText.queries(plain));
  }

  @Test
  void responsesOfTheFormatReadBackAsTheirQueries() {
    Random random = new Random(1);
    for (int round = 0; round < 500; round++) {
      List<String> queries = List.of("2 for 1 " + TestTokenizers.randomText(random, 4).replaceAll("[\\p{Z}\\s\\p{Cc}]", ""),
        "17", "日本 1");
      assertEquals(queries.stream().map(String::strip).toList(),
        ResponseText.queries(PromptFormat.defaults().response(queries)));
    }
  }

  @Test
  void emptyTextHasNoLinesAndEmptyLinesHaveEmptyQueries() {
    assertEquals(List.of(), ResponseText.lines(""));
    assertEquals(List.of("a", "", "b"), ResponseText.lines("1 a\r\n\n2 b\r").stream().map(Line::query).toList());
    assertEquals(List.of("a", "b"), ResponseText.queries("1 a\n2\n3 b"));
  }

  @Test
  void wordsKeepTheirMarksAndApostrophes() {
    assertEquals(List.of("café", "cafe\u0301", "macy's", "l\u2019oréal", "rock", "n", "roll"),
      words("1 café cafe\u0301 macy's l\u2019oréal rock 'n' roll"));
    assertEquals(List.of("wi", "fi", "802", "11b", "c"), words("1 wi-fi 802.11b, c++"));
    assertEquals(List.of("नमस्ते", "Straße", "2"), words("1 नमस्ते Straße 2"));
  }

  @Test
  void scriptsWithoutBlanksAreCutIntoCharactersOrRuns() {
    assertEquals(List.of("東", "京", "の", "ホテル", "ラーメン", "한국", "여행"), words("1 東京のホテル ラーメン\n2 한국 여행"));
  }

  @Test
  void emojiAreNoWordsAndPositionsCountThemAsTwo() {
    List<Word> words = ResponseText.words("1 🍕 pizza\n2 𝒳x👩‍👩‍👧");
    assertEquals(List.of(new Word("pizza", 5, 10, 0), new Word("𝒳x", 13, 16, 1)), words);
  }

  @Test
  void positionsPointAtTheWordsOfAnyText() {
    Random random = new Random(2);
    for (int round = 0; round < 2000; round++) {
      String text = TestTokenizers.randomText(random, 20);
      int last = 0;
      for (Word word : ResponseText.words(text)) {
        assertEquals(word.text(), text.substring(word.start(), word.end()));
        assertTrue(word.start() >= last && word.end() > word.start());
        last = word.end();
      }
    }
  }
}
