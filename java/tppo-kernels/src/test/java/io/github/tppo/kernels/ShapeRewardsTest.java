// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.assertClose;
import static io.github.tppo.kernels.Close.assertScalar;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ShapeRewardsTest {

  private final Fixture fixture = Fixture.open("reward_shaping");

  @Test
  void rewardsMatchForEverySuggestedLength() {
    long[] shape = fixture.shape("classes");
    int tokens = (int) (shape[0] * shape[1]);
    TokenLayout unmasked = TokenLayout.padded(shape[0], shape[1]);
    TokenLayout masked = unmasked.withMask(fixture.array("mask"));
    ShapeRewardsInputs inputs = ShapeRewardsInputs.ofClasses(fixture.array("classes"))
        .withPositions(fixture.array("positions"))
        .withLogprobs(fixture.array("logprobs"), fixture.array("ref_logprobs"));
    ShapeRewardsOutputs outputs = new ShapeRewardsOutputs(NativeArray.allocate(DType.F32, tokens),
        NativeArray.allocate(DType.F32, tokens), NativeArray.allocate(DType.F32, tokens),
        NativeArray.allocate(DType.F32, tokens));
    double[] lengths = fixture.values("sl");
    for (int s = 0; s < lengths.length; s++) {
      ShapeRewardsOptions options = ShapeRewardsOptions.defaults().withAlpha(fixture.scalar("alpha"))
          .withSuggestedLength(lengths[s]).withKlCoef(fixture.scalar("kl_coef"));
      Kernels.shapeRewards(masked, inputs, options, outputs);
      assertClose("shaped", part("shaped_rewards", s, tokens), outputs.shaped());
      assertClose("rewards", part("rewards_with_kl", s, tokens), outputs.rewards());
      assertClose("kl", fixture.values("kl_k1"), outputs.kl());
      Kernels.shapeRewards(unmasked, inputs, options, outputs);
      assertClose("lwp", part("lwp", s, tokens), outputs.lwp());
    }
  }

  private double[] part(String name, int index, int length) {
    return Arrays.copyOfRange(fixture.values(name), index * length, (index + 1) * length);
  }

  /** Positions are relative to the suggested length, which is added here so that it need not be negative. */
  @Test
  void penaltyIsFiniteFarOut() {
    double[] offsets = fixture.values("edge_l_minus_sl");
    int shift = 1 << 30;
    int[] positions = Arrays.stream(offsets).mapToInt(l -> Math.toIntExact((long) l + shift)).toArray();
    NativeArray lwp = NativeArray.allocate(DType.F32, positions.length);
    Kernels.shapeRewards(TokenLayout.flat(positions.length),
        ShapeRewardsInputs.ofClasses(NativeArray.ofInts(new int[positions.length]))
            .withPositions(NativeArray.ofInts(positions)),
        ShapeRewardsOptions.defaults().withAlpha(fixture.scalar("alpha")).withSuggestedLength(shift),
        ShapeRewardsOutputs.none().withLwp(lwp));
    assertClose("edge_lwp", fixture.values("edge_lwp"), lwp);
  }

  @Test
  void suggestedLengthsMatch() {
    for (int i = 0; i < 3; i++) {
      double expected = fixture.scalar("sl" + i + "_expected");
      int[] lengths = fixture.array("sl" + i + "_query_lengths").toInts();
      int queries = (int) fixture.scalar("sl" + i + "_num_queries");
      assertScalar("sl" + i, expected, Kernels.suggestedLength(lengths, queries));
      assertScalar("median", fixture.scalar("sl" + i + "_median"), Kernels.suggestedLength(lengths, 1));
    }
    assertThrows(IllegalArgumentException.class, () -> Kernels.suggestedLength(new int[0], 3));
    assertThrows(IllegalArgumentException.class, () -> Kernels.suggestedLength(new int[] {-1}, 3));
    assertThrows(IllegalArgumentException.class, () -> Kernels.suggestedLength(new int[] {1}, 0));
  }

  @Test
  void terminalRewardGoesToTheLastValidToken() {
    NativeArray rewards = NativeArray.allocate(DType.F32, 6);
    Kernels.shapeRewards(
        TokenLayout.padded(2, 3).withMask(NativeArray.ofMask(true, true, false, true, true, true)),
        ShapeRewardsInputs.ofScores(NativeArray.allocate(DType.F32, 6))
            .withTerminalRewards(NativeArray.ofFloats(5, 7)),
        ShapeRewardsOptions.defaults().withLengthPenalty(false), ShapeRewardsOutputs.none().withRewards(rewards));
    assertArrayEquals(new float[] {0, 5, 0, 0, 0, 7}, rewards.toFloats());
  }
}
