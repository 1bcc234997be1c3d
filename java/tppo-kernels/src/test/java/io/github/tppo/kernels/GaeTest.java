// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GaeTest {

  private final Fixture fixture = Fixture.open("gae");

  private GaeOptions options(String name) {
    return GaeOptions.defaults().withGamma(fixture.scalar(name + "_gamma")).withLambda(fixture.scalar(name + "_lam"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "b"})
  void paddedMatches(String name) {
    long[] shape = fixture.shape("rewards");
    TokenLayout layout = TokenLayout.padded(shape[0], shape[1]).withMask(fixture.array("mask"));
    NativeArray advantages = NativeArray.allocate(DType.F32, layout.tokens());
    NativeArray returns = NativeArray.allocate(DType.F32, layout.tokens());
    Kernels.gae(layout, fixture.array("rewards"), fixture.array("values"), options(name), advantages, returns);
    assertClose("advantages", fixture.values(name + "_advantages"), advantages);
    assertClose("returns", fixture.values(name + "_returns"), returns);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "b"})
  void packedMatchesInPlace(String name) {
    NativeArray rewards = fixture.array("packed_rewards");
    NativeArray values = fixture.array("packed_values");
    TokenLayout layout = TokenLayout.packed(rewards.length(), fixture.array("cu_seqlens"));
    Kernels.gae(layout, rewards, values, options(name), rewards, values);
    assertClose("advantages", fixture.values(name + "_packed_advantages"), rewards);
    assertClose("returns", fixture.values(name + "_packed_returns"), values);
  }

  /** A hole in the mask is skipped; it is not a step of reward 0. */
  @Test
  void holesAreSkipped() {
    NativeArray full = NativeArray.allocate(DType.F32, 3);
    Kernels.gae(TokenLayout.flat(3), NativeArray.ofFloats(1, 2, 3), NativeArray.ofFloats(4, 5, 6),
        GaeOptions.defaults(), full, null);
    NativeArray holes = NativeArray.allocate(DType.F32, 5);
    float nan = Float.NaN;
    Kernels.gae(TokenLayout.flat(5).withMask(NativeArray.ofMask(true, false, true, false, true)),
        NativeArray.ofFloats(1, nan, 2, nan, 3), NativeArray.ofFloats(4, nan, 5, nan, 6),
        GaeOptions.defaults(), holes, null);
    float[] a = full.toFloats();
    assertArrayEquals(new float[] {a[0], 0, a[1], 0, a[2]}, holes.toFloats());
  }
}
