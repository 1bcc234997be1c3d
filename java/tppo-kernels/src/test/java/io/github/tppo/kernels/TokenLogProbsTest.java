// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.assertClose;
import static io.github.tppo.kernels.Close.assertScalar;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class TokenLogProbsTest {

  @Test
  void logProbsAndEntropiesMatch() {
    Fixture fixture = Fixture.open("policy");
    long tokens = fixture.shape("logits")[0];
    TokenLogProbsOutputs outputs = TokenLogProbsOutputs.none()
        .withLogprob(NativeArray.allocate(DType.F32, tokens))
        .withEntropy(NativeArray.allocate(DType.F32, tokens));
    TokenLogProbsOptions options = TokenLogProbsOptions.defaults().withTemperature(fixture.scalar("temperature"));
    Logits logits = Logits.of(fixture.array("logits"), fixture.shape("logits")[1]);
    Kernels.tokenLogProbs(TokenLayout.flat(tokens), logits, fixture.array("targets"), options, outputs);
    assertClose("logprob", fixture.values("logprob"), outputs.logprob());
    assertClose("entropy", fixture.values("entropy"), outputs.entropy());
    TokenLogProbsStats stats = Kernels.tokenLogProbs(TokenLayout.flat(tokens).withMask(fixture.array("mask")),
        logits, fixture.array("targets"), options, TokenLogProbsOutputs.none());
    assertScalar("entropy_mean", fixture.scalar("entropy_mean"), stats.meanEntropy());
  }

  @Test
  void badRowsAreCountedAndMinusInfinityAtTheTargetIsMinusInfinity() {
    float inf = Float.POSITIVE_INFINITY;
    NativeArray logits = NativeArray.ofFloats(
        1, Float.NaN, 0,
        -inf, -inf, -inf,
        -inf, 0, 0,
        0, -inf, 1);
    NativeArray logprob = NativeArray.allocate(DType.F32, 4);
    TokenLogProbsStats stats = Kernels.tokenLogProbs(TokenLayout.flat(4), Logits.of(logits, 3),
        NativeArray.ofLongs(0, 0, 0, 2), TokenLogProbsOptions.defaults(),
        TokenLogProbsOutputs.none().withLogprob(logprob));
    float[] values = logprob.toFloats();
    assertTrue(Float.isNaN(values[0]) && Float.isNaN(values[1]));
    assertEquals(-inf, values[2]);
    assertEquals(-Math.log1p(Math.exp(-1)), values[3], 1e-6);
    assertEquals(2, stats.badRows());
  }
}
