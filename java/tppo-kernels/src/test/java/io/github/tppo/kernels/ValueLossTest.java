// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.assertClose;
import static io.github.tppo.kernels.Close.assertScalar;

import org.junit.jupiter.api.Test;

class ValueLossTest {

  private final Fixture fixture = Fixture.open("value_loss");
  private final long tokens = fixture.values("values").length;
  private final TokenLayout unmasked = TokenLayout.flat(tokens);
  private final TokenLayout masked = unmasked.withMask(fixture.array("mask"));

  private ValueLossStats run(TokenLayout layout, double clip, ValueLossOutputs outputs) {
    return Kernels.valueLoss(layout, fixture.array("values"), clip < 0 ? null : fixture.array("old_values"),
        fixture.array("returns"), ValueLossOptions.defaults().withClip(clip), outputs);
  }

  @Test
  void clippedLossMatches() {
    NativeArray perToken = NativeArray.allocate(DType.F32, tokens);
    NativeArray gradient = NativeArray.allocate(DType.F32, tokens);
    double clip = fixture.scalar("clip");
    run(unmasked, clip, ValueLossOutputs.none().withPerToken(perToken));
    assertClose("per_token", fixture.values("per_token"), perToken);
    ValueLossStats stats = run(masked, clip, ValueLossOutputs.none().withGradValues(gradient));
    assertScalar("loss", fixture.scalar("loss"), stats.loss());
    assertScalar("clip_fraction", fixture.scalar("clip_fraction"), stats.clipFraction());
    assertClose("grad_values", fixture.values("grad_values"), gradient);
  }

  @Test
  void unclippedLossMatches() {
    NativeArray gradient = NativeArray.allocate(DType.F32, tokens);
    ValueLossStats stats = run(masked, -1, ValueLossOutputs.none().withGradValues(gradient));
    assertScalar("unclipped_loss", fixture.scalar("unclipped_loss"), stats.loss());
    assertClose("unclipped_grad_values", fixture.values("unclipped_grad_values"), gradient);
  }
}
