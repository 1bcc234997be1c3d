// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.text.TestTokenizers;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RewardEncoderTest {
  private static final String PROMPT = " cheap shoes\n été à paris\n=\n";
  private static final String RESPONSE = "1 red shoes\n2 日本 🍕\n3 été";

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#names")
  void promptAndResponseStandBetweenBeginAndEnd(String name) {
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      RewardInput input = new RewardEncoder(tokenizer, 512).encode(PROMPT, RESPONSE);
      int[] prompt = tokenizer.encode(PROMPT, false).ids();
      int[] response = tokenizer.encode(RESPONSE, false).ids();
      int[] ids = input.ids();
      assertEquals(tokenizer.bosId(), ids[0]);
      assertEquals(tokenizer.eosId(), ids[ids.length - 1]);
      assertEquals(1 + prompt.length, input.responseStart());
      assertArrayEquals(prompt, Arrays.copyOfRange(ids, 1, 1 + prompt.length));
      assertArrayEquals(response, Arrays.copyOfRange(ids, 1 + prompt.length, ids.length - 1));
      assertEquals(response.length + 1, input.scored());
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#names")
  void spansCoverTheResponseAndTheEndTokenNothing(String name) {
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      RewardInput input = new RewardEncoder(tokenizer, 512).encode(PROMPT, RESPONSE);
      assertEquals(RESPONSE, input.spans().text());
      assertEquals(input.scored(), input.spans().length());
      boolean[] covered = new boolean[RESPONSE.length()];
      for (int t = 0; t < input.scored(); t++) {
        Arrays.fill(covered, input.spans().starts()[t], input.spans().ends()[t], true);
      }
      for (int c = 0; c < covered.length; c++) {
        assertTrue(covered[c] || Character.isWhitespace(RESPONSE.charAt(c)), name + " character " + c);
      }
      int last = input.scored() - 1;
      assertEquals(RESPONSE.length(), input.spans().starts()[last]);
      assertEquals(RESPONSE.length(), input.spans().ends()[last]);
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#names")
  void aLongPromptLosesItsOldestTokensAndAResponseNone(String name) {
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      int[] prompt = tokenizer.encode(PROMPT, false).ids();
      int scored = tokenizer.encode(RESPONSE, false).ids().length + 1;
      RewardInput cut = new RewardEncoder(tokenizer, scored + 1 + 3).encode(PROMPT, RESPONSE);
      assertEquals(scored + 4, cut.ids().length);
      assertArrayEquals(Arrays.copyOfRange(prompt, prompt.length - 3, prompt.length), Arrays.copyOfRange(cut.ids(), 1, 4));
      RewardInput bare = new RewardEncoder(tokenizer, scored + 1).encode(PROMPT, RESPONSE);
      assertEquals(1, bare.responseStart());
      String message = assertThrows(IllegalArgumentException.class,
          () -> new RewardEncoder(tokenizer, scored).encode(PROMPT, RESPONSE)).getMessage();
      assertTrue(message.contains("reward.shape.max_tokens"), message);
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#names")
  void anEmptyResponseIsItsEndToken(String name) {
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      RewardInput input = new RewardEncoder(tokenizer, 512).encode("", "");
      assertArrayEquals(new int[] {tokenizer.bosId(), tokenizer.eosId()}, input.ids());
      assertEquals(1, input.scored());
    }
  }

  @ParameterizedTest
  @MethodSource("io.github.tppo.text.TestTokenizers#names")
  void aSpecialTokenSpeltInAResponseIsOneBlankInItsPlace(String name) {
    try (Tokenizer tokenizer = TestTokenizers.load(name)) {
      String spelt = tokenizer.token(tokenizer.eosId());
      RewardEncoder encoder = new RewardEncoder(tokenizer, 512);
      RewardInput blank = encoder.encode("a b", "red shoes été");
      RewardInput text = encoder.encode("a" + spelt + "b", "red" + spelt + "shoes été");
      assertArrayEquals(blank.ids(), text.ids());
      assertEquals("red" + spelt + "shoes été", text.spans().text());
      int longer = spelt.length() - 1;
      for (int t = 0; t < blank.scored(); t++) {
        int start = blank.spans().starts()[t];
        int end = blank.spans().ends()[t];
        assertEquals(start + (start > 3 ? longer : 0), text.spans().starts()[t]);
        assertEquals(end + (end > 3 ? longer : 0), text.spans().ends()[t]);
      }
    }
  }

  @Test
  void withoutABeginTokenTheResponseFollowsThePrompt(@TempDir Path folder) throws IOException {
    Files.copy(Path.of("src/test/resources/fixtures/tokenizer/tokenizer.json"), folder.resolve("tokenizer.json"));
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"bos_token\": null, \"eos_token\": \"</s>\"}");
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      RewardInput input = new RewardEncoder(tokenizer, 512).encode("a", "b");
      assertArrayEquals(new int[] {tokenizer.encode("a", false).ids()[0], tokenizer.encode("b", false).ids()[0],
          tokenizer.eosId()}, input.ids());
      assertEquals(1, input.responseStart());
    }
  }
}
