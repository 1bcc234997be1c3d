// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.policy.TokenRewarder.Response;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.policy.TokenRewarder.Rewards;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.PolicyConfig;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TestTokenizers;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A random reward model with a tokenizer of its own beside the policy's (INVARIANTS 14). */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class TokenRewardModelTest {
  private static final String PROMPT = " cheap shoes\n=\n";
  private static final List<String> TEXTS = List.of("1 red shoes\n2 unbelievable 日本 🍕\n3 été", "", "1 a", "2 x\n\n\n3 weather");

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
    model = Longformer.create(new LongformerConfig(ownTokenizer.vocabSize(), 32, 48, 2, 4, List.of(8, 8),
        200 + ownTokenizer.padId() + 1, 2, ownTokenizer.padId(), 1e-5, 3, 0.5, ownTokenizer.bosId(), ownTokenizer.eosId(),
        ownTokenizer.eosId()), 5);
    encoder = new RewardEncoder(ownTokenizer, 200);
    responses = new ArrayList<>();
    for (String text : TEXTS) {
      int[] ids = policyTokenizer.encode(text, false).ids();
      int[] ended = Arrays.copyOf(ids, ids.length + 1);
      ended[ids.length] = policyTokenizer.eosId();
      responses.add(new Response(PROMPT, ended));
    }
  }

  @AfterAll
  static void close() {
    model.close();
    ownTokenizer.close();
    policyTokenizer.close();
  }

  private static TokenRewardModel rewarder(double center, String... sets) {
    PolicyConfig config = ConfigReader.read(TppoConfig.class, List.of(sets)).policy();
    return new TokenRewardModel(model, encoder, policyTokenizer, config, 3, center);
  }

  /** What the model thinks of each character of a text, by its own tokens: probabilities [characters][3]. */
  private static double[][] ofCharacters(String text) {
    RewardInput input = encoder.encode(PROMPT, text);
    double[] p;
    try (Scope scope = Scope.noGrad()) {
      p = Tensors.toDoubles(new RewardBatch(List.of(input)).logits(model, encoder.padId()).softmax(1));
    }
    double[][] characters = new double[text.length()][];
    for (int t = input.scored() - 1; t >= 0; t--) { // the first token that covers a character decides
      for (int c = input.spans().starts()[t]; c < input.spans().ends()[t]; c++) {
        characters[c] = Arrays.copyOfRange(p, 3 * t, 3 * t + 3);
      }
    }
    return characters;
  }

  private static int argmax(double[] p) {
    return p[0] >= p[1] && p[0] >= p[2] ? 0 : p[1] >= p[2] ? 1 : 2;
  }

  @Test
  void rewardsAreCarriedOverByCharacters() {
    double[] values = {0.25, -1, 2};
    for (boolean expected : new boolean[] {false, true}) {
      List<TokenRewardModel.Scored> scored = rewarder(0, "policy.class_values=[0.25, -1, 2]",
          "policy.expected_class=" + expected).score(responses);
      assertEquals(TEXTS.size(), scored.size());
      for (int r = 0; r < TEXTS.size(); r++) {
        TokenSpans spans = scored.get(r).spans();
        assertEquals(TEXTS.get(r), spans.text());
        assertEquals(responses.get(r).ids().length, scored.get(r).rewards().length);
        double[][] characters = ofCharacters(TEXTS.get(r));
        for (int t = 0; t < spans.length(); t++) {
          double sum = 0;
          int n = 0;
          boolean agree = true;
          int first = -1;
          for (int c = spans.starts()[t]; c < spans.ends()[t]; c++) {
            if (characters[c] != null) {
              double[] p = characters[c];
              boolean content = argmax(p) > 0; // a separator earns what class 0 earns, however sure the model is of it
              sum += expected && content ? (p[1] * values[1] + p[2] * values[2]) / (p[1] + p[2]) : values[argmax(p)];
              n++;
              agree &= first < 0 || argmax(p) == first;
              first = argmax(p);
            }
          }
          assertEquals(n == 0 ? 0 : sum / n, scored.get(r).rewards()[t], 1e-4, "response " + r + " token " + t);
          if (n > 0 && agree) {
            assertEquals(first, scored.get(r).classes()[t], "response " + r + " token " + t);
          }
        }
        assertEquals(0, scored.get(r).classes()[spans.length() - 1], "the end token covers no character");
        assertEquals(0, scored.get(r).rewards()[spans.length() - 1]);
      }
    }
  }

  @Test
  void centringMovesTheClassesOfWordsAndNotTheOther() {
    List<TokenRewardModel.Scored> plain = rewarder(0, "policy.class_values=[0, 1, 2]", "policy.expected_class=false").score(responses);
    List<TokenRewardModel.Scored> centred =
        rewarder(1.5, "policy.class_values=[0, 1, 2]", "policy.expected_class=false").score(responses);
    double[][] characters = ofCharacters(TEXTS.get(0));
    int[] moved = new int[2];
    for (int t = 0; t < plain.get(0).classes().length; t++) {
      TokenSpans spans = plain.get(0).spans();
      double share = 0;
      for (int c = spans.starts()[t]; c < spans.ends()[t]; c++) {
        share += characters[c] != null && argmax(characters[c]) > 0 ? 1.0 / (spans.ends()[t] - spans.starts()[t]) : 0;
      }
      double difference = plain.get(0).rewards()[t] - centred.get(0).rewards()[t];
      assertTrue(share > 0 == difference > 1e-9, "token " + t);
      if (share == 1) {
        assertEquals(1.5, difference, 1e-9);
      }
      moved[share > 0 ? 1 : 0]++;
    }
    assertTrue(moved[0] > 0 && moved[1] > 0, "both kinds occur: " + Arrays.toString(moved));
  }

  /** The centre is the mean of what content tokens are paid, so that it is 0 once they are centred, shared out or not. */
  @Test
  void centredRewardsHaveNoMean() {
    for (String perWord : List.of("policy.per_word=false", "policy.per_word=true")) {
      double center = meanOfContent(rewarder(0, perWord, "policy.expected_class=true"));
      assertTrue(Math.abs(center) > 1e-3, "a centre that is worth taking away: " + center);
      assertEquals(0, meanOfContent(rewarder(center, perWord, "policy.expected_class=true")), 1e-12, perWord);
    }
  }

  private static double meanOfContent(TokenRewardModel rewarder) {
    double sum = 0;
    int count = 0;
    for (TokenRewardModel.Scored scored : rewarder.score(responses)) {
      for (int i = 0; i < scored.classes().length; i++) {
        sum += scored.classes()[i] > 0 ? scored.rewards()[i] : 0;
        count += scored.classes()[i] > 0 ? 1 : 0;
      }
    }
    return sum / count;
  }

  @Test
  void aWordsSharesAddUpToTheMeanOverItsTokens() {
    String[] values = {"policy.class_values=[0, 1, 2]", "policy.expected_class=true"};
    List<TokenRewardModel.Scored> whole = rewarder(0, values).score(responses);
    List<TokenRewardModel.Scored> shared = rewarder(0, values[0], values[1], "policy.per_word=true").score(responses);
    TokenSpans spans = whole.get(0).spans();
    int severalTokens = 0;
    for (ResponseText.Word word : ResponseText.words(TEXTS.get(0))) {
      double sum = 0;
      double mean = 0;
      int n = 0;
      for (int t = 0; t < spans.length(); t++) {
        if (spans.starts()[t] < word.end() && spans.ends()[t] > word.start()) {
          sum += shared.get(0).rewards()[t];
          mean += whole.get(0).rewards()[t];
          n++;
        }
      }
      assertEquals(mean / n, sum, 1e-9, word.text());
      severalTokens += n > 1 ? 1 : 0;
    }
    assertTrue(severalTokens > 1, "several words have more than one token");
  }

  @Test
  void aResponseWithoutItsFormIsChargedAtItsEnd() {
    int end = policyTokenizer.eosId();
    List<TokenRewarder.Response> asked = List.of(
        written("1 red hat\n2 blue hat\n3 shoes", end),
        written("1 red hat\n2 blue hat\n3 shoes", -1),
        written("1 red hat\n2 blue hat", end),
        written("1 red hat\n2 red hat\n3 shoes", end),
        new TokenRewarder.Response(PROMPT, new int[0]));
    float[] terminal = rewarder(0, "policy.form_penalty=2").rewards(asked).terminal();
    assertArrayEquals(new float[] {0, -2, -2, -2, -2}, terminal, "right; no end; two queries; one twice; nothing");
  }

  private static TokenRewarder.Response written(String text, int end) {
    int[] ids = policyTokenizer.encode(text, false).ids();
    int[] ended = end < 0 ? ids : Arrays.copyOf(ids, ids.length + 1);
    if (end >= 0) {
      ended[ids.length] = end;
    }
    return new TokenRewarder.Response(PROMPT, ended);
  }

  @Test
  void packedRewardsAreThoseOfTheResponsesInOrder() {
    TokenRewardModel rewarder = rewarder(0, "policy.class_values=[0, 1, 2]", "policy.form_penalty=0");
    Rewards packed = rewarder.rewards(responses);
    assertNull(packed.terminal());
    int at = 0;
    for (TokenRewardModel.Scored scored : rewarder.score(responses)) {
      for (int t = 0; t < scored.classes().length; t++, at++) {
        assertEquals((float) scored.rewards()[t], packed.perToken()[at]);
        assertEquals(scored.classes()[t], packed.classes()[at]);
      }
    }
    assertEquals(at, packed.perToken().length);
  }

  /** More responses than a batch holds, and each alone: the same scores. */
  @Test
  void scoresDoNotDependOnTheBatch() {
    List<Response> many = new ArrayList<>();
    for (int i = 0; i < 70; i++) {
      many.add(responses.get(i % responses.size()));
    }
    TokenRewardModel rewarder = rewarder(0, "policy.expected_class=true");
    List<TokenRewardModel.Scored> together = rewarder.score(many);
    for (int i = 62; i < 70; i++) {
      TokenRewardModel.Scored alone = rewarder.score(many.subList(i, i + 1)).get(0);
      assertArrayEquals(alone.rewards(), together.get(i).rewards(), 1e-5);
    }
    assertEquals(List.of(), rewarder.score(List.of()));
  }

  /** The reward model never changes while the policy trains. */
  @Test
  void scoringLeavesTheModelAlone() {
    Tensor weight = model.parameters().get("classifier.weight");
    float[] before = Tensors.toFloats(weight);
    rewarder(0).score(responses);
    assertArrayEquals(before, Tensors.toFloats(weight));
    try (Scope scope = Scope.noGrad()) {
      assertTrue(!weight.grad().defined() || weight.grad().abs().sum().le(new Scalar(0)).item_bool());
    }
  }
}
