// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.text.ResponseText;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** A reply that says something is read as it says; one that leaves something out is refused. */
class ReplyPropertyTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Responses of up to four lines, with words of several scripts, numbers, marks and blanks. */
  @Provide
  Arbitrary<String> responses() {
    Arbitrary<String> word = Arbitraries.of("red", "shoes", "red", "2006", "don't", "caf\u00e9", "e\u0301", "\u65e5\u672c", "\u30c6\u30b9",
        "\u05e9\u05dc", "\ud83c\udf55", "-", ".", "\"", "a-b");
    return word.list().ofMaxSize(5).map(words -> String.join(" ", words)).list().ofMaxSize(4).map(lines -> String.join("\n", lines));
  }

  private static ObjectNode reply(List<ResponseText.Word> words, int[] scores, int whole) {
    ObjectNode reply = JSON.createObjectNode();
    ArrayNode list = reply.putArray("words");
    for (int i = 0; i < words.size(); i++) {
      list.addObject().put("word", words.get(i).text()).put("score", scores[i]);
    }
    return reply.put("whole", whole);
  }

  @Property(seed = "1")
  void aWholeReplyIsReadAsItStandsWhateverIsAroundIt(@ForAll("responses") String response, @ForAll boolean whole, @ForAll long bits,
      @ForAll("talk") String before, @ForAll("closing") String after) throws JudgeException {
    List<ResponseText.Word> words = ResponseText.words(response);
    int[] scores = new Random(bits).ints(words.size(), 0, 2).toArray();
    Judgement judgement = ReplyParser.token(before + reply(words, scores, whole ? 1 : 0) + after, response);
    assertArrayEquals(scores, judgement.words().stream().mapToInt(WordScore::score).toArray());
    assertEquals(whole ? 1 : 0, judgement.sentence());
    for (int i = 0; i < scores.length; i++) {
      assertEquals(response.substring(words.get(i).start(), words.get(i).end()), judgement.words().get(i).word());
    }
  }

  @Provide
  Arbitrary<String> talk() {
    return Arbitraries.of("", " ", "```json\n", "\n```", "Here it is: ", "} ", "\" ", "<think>{\"a\": 1}</think>", "\u00e9 ");
  }

  /** Thoughts stand before what was thought of: up to their end nothing is read. */
  @Provide
  Arbitrary<String> closing() {
    return talk().filter(text -> !text.contains("think"));
  }

  @Property(seed = "2")
  void aReplyWithoutOneWordIsRefused(@ForAll("responses") String response, @ForAll long bits) {
    List<ResponseText.Word> words = ResponseText.words(response);
    if (words.isEmpty()) {
      return;
    }
    ObjectNode reply = reply(words, new int[words.size()], 0);
    ((ArrayNode) reply.get("words")).remove(new Random(bits).nextInt(words.size()));
    assertThrows(JudgeException.class, () -> ReplyParser.token(reply.toString(), response));
  }

  @Provide
  Arbitrary<LabelledResponse> labels() {
    Arbitrary<String> text = Arbitraries.strings().withCharRange('\0', '\ud7ff').ofMaxLength(8);
    Arbitrary<int[]> ids = Arbitraries.integers().array(int[].class).ofMaxSize(4);
    return Combinators.combine(text, ids, ids, text, Arbitraries.integers().between(0, 1), Arbitraries.longs()).as(
        (user, prompt, response, said, sentence, stream) -> new LabelledResponse(user, prompt, response, said,
            List.of(new WordScore(said, 0, said.length(), sentence)), sentence, new int[response.length], stream));
  }

  @Property(seed = "3")
  void labelsComeBack(@ForAll("labels") LabelledResponse label) throws IOException {
    String line = JSON.writeValueAsString(label);
    LabelledResponse read = LabelledResponse.parse(line, "labels.jsonl:1");
    assertEquals(line, JSON.writeValueAsString(read));
    assertEquals(label.user(), read.user());
    assertArrayEquals(label.responseIds(), read.responseIds());
    assertEquals(label.words(), read.words());
  }
}
