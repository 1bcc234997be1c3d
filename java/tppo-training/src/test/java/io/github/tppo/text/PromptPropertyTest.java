// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.data.History;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** Whatever a query holds, it takes one line, and a response says what was put into it. */
class PromptPropertyTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.load("shipped");

  @Provide
  Arbitrary<String> queries() {
    return Arbitraries.oneOf(Arbitraries.strings().all().ofMaxLength(10),
        Arbitraries.strings().withChars("= \n\r\t@#$0123.).\u0085\u2028\u00a0ab").ofMaxLength(10),
        Arbitraries.of("=", "7 eleven", "1. a", "<s>", "</s>", "</s> x", "@ a", "12) b", "\ud83c\udf55 pizza"));
  }

  /** Queries as the cleaner leaves them: no blanks but single ones. */
  @Provide
  Arbitrary<String> cleanQueries() {
    return queries().map(query -> query.replaceAll("(?U)[\\s\\p{Z}\\p{Cc}]+", " ").strip()).filter(query -> !query.isEmpty());
  }

  @Property(seed = "1")
  void responsesSayWhatWasPutIn(@ForAll List<@net.jqwik.api.From("cleanQueries") String> queries, @ForAll boolean numbered) {
    String response = new PromptFormat(numbered, 0, 0, 0).response(queries);
    assertEquals(queries, ResponseText.queries(response));
  }

  @Property(seed = "2")
  void eachEntryIsALineOfThePrompt(@ForAll List<@net.jqwik.api.From("queries") String> search,
      @ForAll List<@net.jqwik.api.From("queries") String> click) {
    History history = History.of(search, click);
    PromptFormat format = new PromptFormat(true, 2, 0, 0);
    String prompt = format.prompt(history);
    List<String> lines = Arrays.asList(prompt.split("\n", -1));
    assertTrue(prompt.endsWith(PromptFormat.MARKER));
    assertTrue(lines.subList(0, lines.size() - 2).stream().allMatch(line -> line.startsWith(" ") || line.startsWith("@ ")), prompt);
    assertTrue(lines.size() - 2 <= search.size() + 2);
  }

  /** However much is cut, it fits, begins and ends as a prompt, and no text makes a token that is a sign to the model. */
  @Property(seed = "3", tries = 150)
  void promptsFit(@ForAll List<@net.jqwik.api.From("queries") String> search, @ForAll @IntRange(min = 8, max = 60) int most) {
    int[] ids = PromptFormat.defaults().promptIds(TOKENIZER, History.of(search, List.of()), most);
    assertTrue(ids.length <= most);
    assertEquals(TOKENIZER.bosId(), ids[0]);
    assertTrue(Arrays.stream(ids).skip(1).noneMatch(TOKENIZER::isSpecial));
    assertTrue(TOKENIZER.decode(ids, true).endsWith(PromptFormat.MARKER));
  }
}
