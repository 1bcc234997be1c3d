// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.assertClose;
import static io.github.tppo.kernels.Close.assertScalar;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class RewardModelLossTest {

  private final Fixture fixture = Fixture.open("reward_model_loss");
  private final long[] shape = fixture.shape("labels");
  private final TokenLayout layout = TokenLayout.padded(shape[0], shape[1]).withMask(fixture.array("mask"));
  private final double[] weights = fixture.values("class_weights");
  private final RewardModelLossOptions options = RewardModelLossOptions.defaults()
      .withLocalWeight(fixture.scalar("w_local")).withGlobalWeight(fixture.scalar("w_global"))
      .withClassWeight0(weights[0]).withClassWeight1(weights[1]).withClassWeight2(weights[2]);

  private RewardModelLossStats run(TokenLayout tokens, RewardModelLossOptions chosen, RewardModelLossOutputs outputs) {
    return Kernels.rewardModelLoss(tokens, fixture.array("logits"), fixture.array("labels"),
        fixture.array("sentence_labels"), null, chosen, outputs);
  }

  private NativeArray gradient(RewardModelLossOptions chosen) {
    NativeArray gradient = NativeArray.allocate(DType.F32, layout.tokens() * 3);
    run(layout, chosen, RewardModelLossOutputs.none().withGradLogits(gradient));
    return gradient;
  }

  @Test
  void perTokenValuesMatch() {
    RewardModelLossOutputs outputs = RewardModelLossOutputs.none()
        .withWeightedNll(NativeArray.allocate(DType.F32, layout.tokens()))
        .withMeanArgmax(NativeArray.allocate(DType.F32, shape[0]))
        .withMeanExpected(NativeArray.allocate(DType.F32, shape[0]));
    run(layout, options, outputs);
    assertClose("weighted_nll", fixture.values("weighted_nll"), outputs.weightedNll());
    assertClose("mean_argmax", fixture.values("mean_argmax"), outputs.meanArgmax());
    assertClose("mean_expected", fixture.values("mean_expected"), outputs.meanExpected());
    outputs = RewardModelLossOutputs.none().withExpectedValue(NativeArray.allocate(DType.F32, layout.tokens()))
        .withArgmax(NativeArray.allocate(DType.I32, layout.tokens()));
    run(layout.withMask(null), options, outputs);
    assertClose("expected_value", fixture.values("expected_value"), outputs.expectedValue());
    int[] argmax = outputs.argmax().toInts();
    double[] expected = fixture.values("argmax");
    for (int i = 0; i < argmax.length; i++) {
      assertEquals((int) expected[i], argmax[i]);
    }
  }

  @Test
  void lossesMatch() {
    RewardModelLossStats argmax = run(layout, options, RewardModelLossOutputs.none());
    assertScalar("local_sum", fixture.scalar("local_sum"), argmax.local());
    assertScalar("global_argmax", fixture.scalar("global_argmax"), argmax.global());
    assertScalar("total", fixture.scalar("total_local_sum_global_argmax"), argmax.loss());
    RewardModelLossStats expected = run(layout, options.withGlobalMode(GlobalMode.EXPECTED)
        .withLocalReduction(LocalReduction.WEIGHTED_MEAN), RewardModelLossOutputs.none());
    assertScalar("local_wmean", fixture.scalar("local_wmean"), expected.local());
    assertScalar("global_expected", fixture.scalar("global_expected"), expected.global());
    assertScalar("total", fixture.scalar("total_local_wmean_global_expected"), expected.loss());
  }

  @Test
  void gradientsMatch() {
    RewardModelLossOptions local = options.withLocalWeight(1).withGlobalWeight(0);
    RewardModelLossOptions global = options.withLocalWeight(0).withGlobalWeight(1);
    assertClose("grad_local_sum", fixture.values("grad_local_sum"), gradient(local));
    assertClose("grad_local_wmean", fixture.values("grad_local_wmean"),
        gradient(local.withLocalReduction(LocalReduction.WEIGHTED_MEAN)));
    assertClose("grad_global_expected", fixture.values("grad_global_expected"),
        gradient(global.withGlobalMode(GlobalMode.EXPECTED)));
    assertClose("grad_global_straight_through", fixture.values("grad_global_straight_through"), gradient(global));
    assertClose("grad_total_expected", fixture.values("grad_total_local_sum_global_expected"),
        gradient(options.withGlobalMode(GlobalMode.EXPECTED)));
    assertClose("grad_total_straight_through", fixture.values("grad_total_local_sum_global_straight_through"),
        gradient(options));
    for (float g : gradient(global.withGlobalMode(GlobalMode.ARGMAX)).toFloats()) {
      assertEquals(0, g, 0);
    }
  }
}
