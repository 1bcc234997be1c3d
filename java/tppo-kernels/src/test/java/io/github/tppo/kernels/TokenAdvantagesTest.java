// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The bits of the three operations one after another, each of which has its own test against a reference. */
class TokenAdvantagesTest {

  private static final int[] BOUNDS = {0, 7, 7, 8, 60, 61, 90};
  private static final int TOKENS = 90;

  private final Random random = new Random(8);
  private final boolean[] valid = new boolean[TOKENS];
  private final float[][] numbers = new float[5][TOKENS];
  private final TokenLayout layout;
  private final ShapeRewardsOptions shaping =
      ShapeRewardsOptions.defaults().withSuggestedLength(9).withAlpha(0.7).withKlCoef(0.3);
  private final GaeOptions gae = new GaeOptions(0.97, 0.9);

  TokenAdvantagesTest() {
    for (int i = 0; i < TOKENS; i++) {
      valid[i] = random.nextInt(6) > 0;
      for (float[] values : numbers) {
        values[i] = valid[i] ? (float) random.nextGaussian() : Float.NaN;
      }
    }
    layout = TokenLayout.packed(TOKENS, NativeArray.ofInts(BOUNDS)).withMask(NativeArray.ofMask(valid));
  }

  private ShapeRewardsInputs inputs(NativeArray scores) {
    return ShapeRewardsInputs.ofScores(scores)
        .withLogprobs(NativeArray.ofFloats(numbers[1]), NativeArray.ofFloats(numbers[2]))
        .withTerminalRewards(NativeArray.ofFloats(1, Float.NaN, 3, 4, 5, 6));
  }

  private static NativeArray room() {
    return NativeArray.allocate(DType.F32, TOKENS);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void sameBitsAsTheThreeCalls(boolean whitens) {
    NativeArray values = NativeArray.ofFloats(numbers[3]);
    ShapeRewardsOutputs expected = new ShapeRewardsOutputs(room(), room(), room(), room());
    ShapeRewardsStats shapingStats =
        Kernels.shapeRewards(layout, inputs(NativeArray.ofFloats(numbers[0])), shaping, expected);
    NativeArray advantages = room();
    NativeArray returns = room();
    Kernels.gae(layout, expected.rewards(), values, gae, advantages, returns);
    WhitenOptions whitening = WhitenOptions.defaults().withKeepMean(true).withUnbiased(false);
    WhitenStats whitenStats = whitens ? Kernels.whiten(advantages, layout.mask(), whitening, advantages) : null;

    TokenAdvantagesOptions options = new TokenAdvantagesOptions(shaping, gae, whitens ? whitening : null);
    TokenAdvantagesOutputs outputs = TokenAdvantagesOutputs.of(room(), room())
        .withShaping(new ShapeRewardsOutputs(room(), room(), room(), room()));
    TokenAdvantagesStats stats = Kernels.tokenAdvantages(
        layout, inputs(NativeArray.ofFloats(numbers[0])), values, options, outputs);
    assertEquals(shapingStats, stats.shaping());
    assertEquals(whitenStats, stats.whitening());
    assertArrayEquals(expected.lwp().toFloats(), outputs.shaping().lwp().toFloats());
    assertArrayEquals(expected.shaped().toFloats(), outputs.shaping().shaped().toFloats());
    assertArrayEquals(expected.kl().toFloats(), outputs.shaping().kl().toFloats());
    assertArrayEquals(expected.rewards().toFloats(), outputs.shaping().rewards().toFloats());
    assertArrayEquals(advantages.toFloats(), outputs.advantages().toFloats());
    assertArrayEquals(returns.toFloats(), outputs.returns().toFloats());
  }

  /** Advantages over the scores, returns over the values, rewards nowhere. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void inPlaceAndWithoutStoredRewards(boolean whitens) {
    TokenAdvantagesOptions options = TokenAdvantagesOptions.defaults().withShaping(shaping).withGae(gae);
    options = whitens ? options : options.withWhitening(null);
    NativeArray scores = NativeArray.ofFloats(numbers[0]);
    TokenAdvantagesOutputs apart = TokenAdvantagesOutputs.of(room(), room());
    TokenAdvantagesStats expected =
        Kernels.tokenAdvantages(layout, inputs(scores), NativeArray.ofFloats(numbers[3]), options, apart);
    assertArrayEquals(numbers[0], scores.toFloats());
    NativeArray values = NativeArray.ofFloats(numbers[3]);
    TokenAdvantagesStats found = Kernels.tokenAdvantages(
        layout, inputs(scores), values, options, TokenAdvantagesOutputs.of(scores, values));
    assertEquals(expected, found);
    if (!whitens) {
      assertNull(found.whitening());
    }
    assertArrayEquals(apart.advantages().toFloats(), scores.toFloats());
    assertArrayEquals(apart.returns().toFloats(), values.toFloats());
  }
}
