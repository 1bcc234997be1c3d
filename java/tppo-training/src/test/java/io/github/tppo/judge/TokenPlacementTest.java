// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.reward.RewardEncoder;
import io.github.tppo.reward.RewardInput;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TestTokenizers;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Labels of words and rewards on the tokens of any policy, seen by the reward model through any other tokenizer (INVARIANTS 8
 * and 14): random texts, and random ids that no tokenizer would have chosen.
 */
class TokenPlacementTest {

  private static final int ROUNDS = 60;
  private static final Map<String, Tokenizer> TOKENIZERS = new LinkedHashMap<>();

  @BeforeAll
  static void load() {
    names().forEach(name -> TOKENIZERS.put(name, TestTokenizers.load(name)));
  }

  @AfterAll
  static void close() {
    TOKENIZERS.values().forEach(Tokenizer::close);
  }

  static Stream<String> names() {
    return Stream.concat(TestTokenizers.names(), TestTokenizers.formNames());
  }

  @ParameterizedTest
  @MethodSource("names")
  void labelsAndRewardsKeepToTheirCharacters(String policyName) {
    Random random = new Random(policyName.hashCode());
    Tokenizer policy = TOKENIZERS.get(policyName);
    for (Tokenizer reward : TOKENIZERS.values()) {
      for (int round = 0; round < ROUNDS; round++) {
        TokenSpans spans = policy.spans(ids(policy, random));
        List<WordScore> words = randomScores(spans.text(), random);
        checkLabels(spans, words);
        RewardInput input = new RewardEncoder(reward, 4096).encode("", spans.text());
        assertEquals(spans.text(), input.spans().text());
        assertEquals(0, Arrays.stream(input.ids()).limit(input.ids().length - 1).skip(input.responseStart())
            .filter(id -> id == reward.eosId() || id == reward.padId()).count());
        checkLabels(input.spans(), words);
        checkWayBack(input.spans(), spans, random);
      }
    }
  }

  /** Half of the time a text's own ids, else ids that never stand together. */
  private static int[] ids(Tokenizer tokenizer, Random random) {
    return random.nextBoolean() ? tokenizer.encode(TestTokenizers.randomText(random, 12), false).ids()
        : random.ints(random.nextInt(24), 0, tokenizer.vocabSize()).toArray();
  }

  private static List<WordScore> randomScores(String text, Random random) {
    List<WordScore> words = new ArrayList<>();
    for (ResponseText.Word w : ResponseText.words(text)) {
      assertEquals(w.text(), text.substring(w.start(), w.end()));
      words.add(new WordScore(w.text(), w.start(), w.end(), random.nextInt(3) - 1));
    }
    return words;
  }

  /** A token has the class of the first scored word among its characters, and one without such characters class 0. */
  private static void checkLabels(TokenSpans spans, List<WordScore> words) {
    int[] ofChar = new int[spans.text().length()];
    words.forEach(w -> Arrays.fill(ofChar, w.start(), w.end(), w.tokenClass()));
    int[] expected = new int[spans.length()];
    for (int t = 0; t < expected.length; t++) {
      assertTrue(0 <= spans.starts()[t] && spans.starts()[t] <= spans.ends()[t] && spans.ends()[t] <= ofChar.length);
      expected[t] = Arrays.stream(ofChar, spans.starts()[t], spans.ends()[t]).filter(c -> c > 0).findFirst().orElse(0);
    }
    assertArrayEquals(expected, TokenClasses.of(spans, words));
  }

  /** What the reward model says of its tokens, character by character, on the policy's tokens. */
  private static void checkWayBack(TokenSpans source, TokenSpans target, Random random) {
    int[] classes = random.ints(source.length(), 0, 3).toArray();
    double[] rewards = random.doubles(source.length(), -1, 1).toArray();
    int[] mapped = TokenClasses.map(classes, source, target);
    double[] values = TokenClasses.map(rewards, source, target);
    for (int t = 0; t < target.length(); t++) {
      List<Integer> owners = new ArrayList<>();
      for (int c = target.starts()[t]; c < target.ends()[t]; c++) {
        int at = c;
        Stream.iterate(0, s -> s < source.length(), s -> s + 1)
            .filter(s -> source.starts()[s] <= at && at < source.ends()[s]).findFirst().ifPresent(owners::add);
      }
      assertEquals(owners.stream().mapToDouble(s -> rewards[s]).average().orElse(0), values[t], 1e-12);
      List<Integer> said = owners.stream().map(s -> classes[s]).filter(c -> c > 0).toList();
      long relevant = said.stream().filter(c -> c == 2).count();
      int most = said.isEmpty() ? 0 : 2 * relevant == said.size() ? said.get(0) : 2 * relevant > said.size() ? 2 : 1;
      assertEquals(most, mapped[t]);
    }
  }
}
