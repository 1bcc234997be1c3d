// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Tokenizers with and without a regex, a prefix space, normalisation, metaspaces of every scheme, added tokens. */
class TokenizerFormsTest {

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#formNames")
  void idsOffsetsAndTextAreThoseOfHuggingFaceTokenizers(String name) {
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      for (JsonNode row : TestTokenizers.form(name).get("rows")) {
        String text = row.get("text").asText();
        Encoding encoding = tokenizer.encode(text, false);
        assertArrayEquals(ints(row.get("ids")), encoding.ids(), text);
        int[] pairs = IntStream.range(0, encoding.length())
          .flatMap(i -> IntStream.of(encoding.starts()[i], encoding.ends()[i])).toArray();
        assertArrayEquals(ints(row.get("offsets_utf16")), pairs, text);
        String decoded = row.get("decoded_skip_special").asText();
        assertEquals(decoded, tokenizer.decode(encoding.ids(), true));
        assertEquals(decoded, tokenizer.spans(encoding.ids()).text());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#formNames")
  void anyTextAndAnyIdsKeepToTheRules(String name) {
    Random random = new Random(name.hashCode());
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      for (int round = 0; round < 1000; round++) {
        String text = TestTokenizers.randomText(random, 12);
        Encoding encoding = tokenizer.encodeUntrusted(text);
        for (int i = 0; i < encoding.length(); i++) {
          assertTrue(0 <= encoding.starts()[i] && encoding.starts()[i] <= encoding.ends()[i]
            && encoding.ends()[i] <= text.length(), text);
          int id = encoding.ids()[i];
          assertTrue(!tokenizer.isSpecial(id) || tokenizer.token(id).equals("<unk>"), text);
        }
        int[] ids = random.ints(random.nextInt(20), 0, tokenizer.vocabSize()).toArray();
        assertEquals(tokenizer.decode(ids, true), tokenizer.spans(ids).text(), () -> Arrays.toString(ids));
        assertEquals(tokenizer.decode(encoding.ids(), true), tokenizer.spans(encoding.ids()).text(), text);
      }
    }
  }

  /** The numbers of an array, or of an array of pairs, in order. */
  private static int[] ints(JsonNode array) {
    IntStream.Builder ints = IntStream.builder();
    array.forEach(item -> {
      if (item.isArray()) {
        item.forEach(number -> ints.add(number.intValue()));
      } else {
        ints.add(item.intValue());
      }
    });
    return ints.build().toArray();
  }
}
