// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.tppo.data.History;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PromptFormatTest {

  private static final PromptFormat PLAIN = new PromptFormat(false, 0, 0, 0);

  private static History searches(String... queries) {
    return new History(List.of(queries), List.of(), List.of(), List.of());
  }

  @Test
  void showsSearchesOldestFirstAndNumbersTheResponse() {
    PromptFormat format = PromptFormat.defaults();
    assertEquals(" red shoes\n blue shoes\n=\n", format.prompt(searches("red shoes", "blue shoes")));
    assertEquals("1 red hat\n2 hats", format.response(List.of("red hat", "hats")));
    assertEquals(" red hat\n hats", PLAIN.response(List.of("red hat", "hats")));
    assertEquals("=\n", format.prompt(searches()));
  }

  @Test
  void showsTheNewestOfTheOtherKindsWhenAsked() {
    History history = new History(List.of("shoes"), List.of("a.com", "b.com", "c.com"), List.of("hat"), List.of("p", "q"));
    assertEquals("# q\n$ hat\n@ b.com\n@ c.com\n shoes\n=\n", new PromptFormat(true, 2, 5, 1).prompt(history));
    assertEquals(" shoes\n=\n", PromptFormat.defaults().prompt(history));
    assertThrows(IllegalArgumentException.class, () -> new PromptFormat(true, -1, 0, 0));
  }

  @Test
  void anEntryCannotBreakItsLine() {
    History history = searches("a\n=\nb\u2028c\u0000d", " \t", "e\u00A0 f");
    assertEquals(" a = b c d\n e f\n=\n", PromptFormat.defaults().prompt(history));
  }

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#names")
  void responseIdsAreTheSameAloneAndAfterThePrompt(String name) {
    Random random = new Random(5);
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      for (int round = 0; round < 500; round++) {
        PromptFormat format = random.nextBoolean() ? PromptFormat.defaults() : PLAIN;
        History history = searches(randomQueries(random));
        List<String> queries = List.of(randomQueries(random));
        int[] prompt = format.promptIds(tokenizer, history, 10_000);
        int[] response = format.responseIds(tokenizer, queries);
        int[] joined = withBos(tokenizer, tokenizer.encode(format.prompt(history) + format.response(queries), false).ids());
        assertArrayEquals(joined, concat(prompt, Arrays.copyOf(response, response.length - 1)));
        assertEquals(tokenizer.eosId(), response[response.length - 1]);
        if (!name.startsWith("tokenizers/")) {
          int[] alone = tokenizer.encode(format.response(queries), false).ids();
          assertArrayEquals(alone, Arrays.copyOf(response, response.length - 1));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#names")
  void promptIdsDropTheOldestEntriesWhole(String name) {
    Random random = new Random(6);
    PromptFormat format = PromptFormat.defaults();
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      for (int round = 0; round < 300; round++) {
        String[] queries = randomQueries(random);
        int max = 8 + random.nextInt(60);
        int[] ids = format.promptIds(tokenizer, searches(queries), max);
        assertArrayEquals(longestThatFits(tokenizer, format, queries, max), ids);
      }
      assertThrows(IllegalArgumentException.class, () -> format.promptIds(tokenizer, searches("a"), 1));
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#names")
  void aQueryCannotSpellASpecialToken(String name) {
    PromptFormat format = PromptFormat.defaults();
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      String query = "red " + tokenizer.token(tokenizer.eosId()) + tokenizer.token(tokenizer.bosId()) + " shoes";
      int[] prompt = format.promptIds(tokenizer, searches(query, "hat"), 100);
      int[] response = format.responseIds(tokenizer, List.of(query));
      assertEquals(1, Arrays.stream(prompt).filter(tokenizer::isSpecial).count());
      assertEquals(1, Arrays.stream(response).filter(tokenizer::isSpecial).count());
    }
  }

  private static int[] longestThatFits(Tokenizer tokenizer, PromptFormat format, String[] queries, int max) {
    for (int from = 0; ; from++) {
      String prompt = format.prompt(searches(Arrays.copyOfRange(queries, from, queries.length)));
      int[] ids = withBos(tokenizer, tokenizer.encode(prompt, false).ids());
      if (ids.length <= max) {
        return ids;
      }
    }
  }

  private static String[] randomQueries(Random random) {
    List<String> queries = new ArrayList<>();
    for (int n = random.nextInt(8); n >= 0; n--) {
      String query = TestTokenizers.randomText(random, 5).replace("</s>", "").replace("▁", "");
      queries.add(query.isBlank() ? "red shoes" : query);
    }
    return queries.toArray(new String[0]);
  }

  private static int[] withBos(Tokenizer tokenizer, int[] ids) {
    return concat(new int[] {tokenizer.bosId()}, ids);
  }

  private static int[] concat(int[] a, int[] b) {
    int[] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }
}
