// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.FLOAT32;
import static io.github.tppo.kernels.Close.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WhitenTest {

  private final Fixture fixture = Fixture.open("gae");

  @ParameterizedTest
  @ValueSource(strings = {"a", "b"})
  void matches(String name) {
    double[] expected = fixture.values(name + "_advantages");
    float[] advantages = new float[expected.length];
    for (int i = 0; i < expected.length; i++) {
      advantages[i] = (float) expected[i];
    }
    NativeArray x = NativeArray.ofFloats(advantages);
    NativeArray mask = fixture.array("mask");
    NativeArray out = NativeArray.allocate(DType.F32, x.length());
    WhitenStats stats = Kernels.whiten(x, mask, WhitenOptions.defaults(), out);
    assertClose("whitened", fixture.values(name + "_whitened"), out);
    // The input was rounded to float32, and so these are no closer than that.
    assertEquals(fixture.scalar(name + "_mean"), stats.mean(), FLOAT32);
    assertEquals(fixture.scalar(name + "_var_unbiased"), stats.variance(), FLOAT32);
    Kernels.whiten(x, mask, WhitenOptions.defaults().withKeepMean(true), out);
    assertClose("whitened_keep_mean", fixture.values(name + "_whitened_keep_mean"), out);
    stats = Kernels.whiten(x, mask, WhitenOptions.defaults().withUnbiased(false), out);
    assertClose("whitened_biased", fixture.values(name + "_whitened_biased"), out);
    assertEquals(fixture.scalar(name + "_var_biased"), stats.variance(), FLOAT32);
  }

  @Test
  void oneOrNoValidElementIsDefined() {
    NativeArray out = NativeArray.allocate(DType.F32, 2);
    WhitenStats one = Kernels.whiten(NativeArray.ofFloats(3, Float.NaN), NativeArray.ofMask(true, false),
        WhitenOptions.defaults(), out);
    assertEquals(3, one.mean());
    assertEquals(0, one.variance());
    assertArrayEquals(new float[2], out.toFloats());
    WhitenStats none = Kernels.whiten(NativeArray.ofFloats(Float.NaN, Float.NaN), NativeArray.ofMask(false, false),
        WhitenOptions.defaults(), out);
    assertEquals(0, none.valid());
    assertArrayEquals(new float[2], out.toFloats());
  }
}
