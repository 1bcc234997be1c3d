// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.policy.TokenRewarder.Response;
import io.github.tppo.policy.TokenRewarder.Rewards;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.TestTokenizers;
import io.github.tppo.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A random sentence-level reward model with a tokenizer of its own beside the policy's (INVARIANTS 14). */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class SentenceRewardModelTest {
  private static final String PROMPT = " cheap shoes\n=\n";
  /** The first two have the form asked for. */
  private static final List<String> TEXTS =
      List.of("1 red shoes\n2 unbelievable 日本 🍕\n3 été", "1 a\n2 b\n3 c", "", "1 a", "1 x\n2 x\n3 weather");

  private static Tokenizer policyTokenizer;
  private static Tokenizer ownTokenizer;
  private static Longformer model;
  private static RewardEncoder encoder;
  private static List<Response> responses;

  @BeforeAll
  static void models() {
    Tensors.setThreads(1);
    Kernels.setThreads(1);
    policyTokenizer = TestTokenizers.load("shipped");
    ownTokenizer = TestTokenizers.load("tokenizers/sentencepiece");
    model = model(1);
    encoder = new RewardEncoder(ownTokenizer, 200);
    responses = TEXTS.stream().map(text -> {
      int[] ids = policyTokenizer.encode(text, false).ids();
      int[] ended = Arrays.copyOf(ids, ids.length + 1);
      ended[ids.length] = policyTokenizer.eosId();
      return new Response(PROMPT, ended);
    }).toList();
  }

  private static Longformer model(int labels) {
    return Longformer.create(new LongformerConfig(ownTokenizer.vocabSize(), 32, 48, 2, 4, List.of(8, 8),
        200 + ownTokenizer.padId() + 1, 2, ownTokenizer.padId(), 1e-5, labels, 0.5, ownTokenizer.bosId(), ownTokenizer.eosId(),
        ownTokenizer.eosId()), 5);
  }

  @AfterAll
  static void close() {
    model.close();
    ownTokenizer.close();
    policyTokenizer.close();
  }

  private static SentenceRewardModel rewarder(double center, String... sets) {
    return new SentenceRewardModel(model, encoder, policyTokenizer, ConfigReader.read(TppoConfig.class, List.of(sets)).policy(), 3, center);
  }

  /** By the response's logits alone, without padding. */
  private static double probability(String text) {
    try (Scope scope = Scope.noGrad()) {
      double[] logits = Tensors.toDoubles(new RewardBatch(List.of(encoder.encode(PROMPT, text))).logits(model, encoder.padId()));
      return 1 / (1 + Math.exp(-Arrays.stream(logits).average().orElseThrow()));
    }
  }

  @Test
  void theScoreComesAtTheEndCentredAndChargedForItsForm() {
    for (double center : new double[] {0, 0.4}) {
      for (double penalty : new double[] {0, 2}) {
        Rewards rewards = rewarder(center, "policy.form_penalty=" + penalty).rewards(responses);
        int tokens = responses.stream().mapToInt(r -> r.ids().length).sum();
        assertArrayEquals(new float[tokens], rewards.perToken());
        assertArrayEquals(new int[tokens], rewards.classes());
        for (int b = 0; b < TEXTS.size(); b++) {
          assertEquals(probability(TEXTS.get(b)) - center - (b < 2 ? 0 : penalty), rewards.terminal()[b], 1e-5, TEXTS.get(b));
        }
      }
    }
  }

  /** With the very class that charges token-level rewards. */
  @Test
  void theChargeIsThatOfTokenLevelRewards() {
    try (Longformer three = model(3)) {
      List<Response> asked = new ArrayList<>(responses);
      asked.add(new Response(PROMPT, Arrays.copyOf(responses.get(0).ids(), responses.get(0).ids().length - 1)));
      asked.add(new Response(PROMPT, new int[0]));
      float[] token = new TokenRewardModel(three, encoder, policyTokenizer,
          ConfigReader.read(TppoConfig.class, List.of("policy.form_penalty=2")).policy(), 3, 0).rewards(asked).terminal();
      float[] charged = rewarder(0, "policy.form_penalty=2").rewards(asked).terminal();
      float[] free = rewarder(0, "policy.form_penalty=0").rewards(asked).terminal();
      for (int b = 0; b < token.length; b++) {
        assertEquals(token[b], charged[b] - free[b], 1e-6);
      }
      assertArrayEquals(new float[] {0, 0, -2, -2, -2, -2, -2}, token);
    }
  }

  @Test
  void whatShapesTheRewardsOfTokensChangesNothing() {
    Rewards plain = rewarder(0).rewards(responses);
    Rewards other = rewarder(0, "policy.class_values=[5, 6, 7]", "policy.expected_class=false", "policy.per_word=true",
        "policy.alpha=9").rewards(responses);
    assertArrayEquals(plain.terminal(), other.terminal());
    assertArrayEquals(plain.perToken(), other.perToken());
  }

  /** More responses than a batch holds, and each alone: the same scores. */
  @Test
  void scoresDoNotDependOnTheBatch() {
    List<Response> many = new ArrayList<>();
    for (int i = 0; i < 70; i++) {
      many.add(responses.get(i % responses.size()));
    }
    SentenceRewardModel rewarder = rewarder(0);
    List<SentenceRewardModel.Scored> together = rewarder.score(many);
    for (int i = 60; i < 70; i++) {
      SentenceRewardModel.Scored alone = rewarder.score(many.subList(i, i + 1)).get(0);
      assertEquals(alone.probability(), together.get(i).probability(), 1e-5);
      assertEquals(TEXTS.get(i % TEXTS.size()), alone.text());
    }
    assertEquals(List.of(), rewarder.score(List.of()));
  }

  @Test
  void labelledTokensAloneAndClassesAreRefused() {
    String message = assertThrows(IllegalArgumentException.class, () -> rewarder(0, "policy.only_labelled_tokens=true")).getMessage();
    assertTrue(message.startsWith("policy.only_labelled_tokens"), message);
    try (Longformer three = model(3)) {
      assertThrows(IllegalArgumentException.class, () -> new SentenceRewardModel(three, encoder, policyTokenizer,
          TppoConfig.defaults().policy(), 3, 0));
    }
  }
}
