// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.assertClose;
import static io.github.tppo.kernels.Close.assertScalar;

import org.junit.jupiter.api.Test;

class DpoLossTest {

  @Test
  void lossRewardsAndGradientsMatch() {
    Fixture fixture = Fixture.open("dpo");
    long pairs = fixture.shape("losses")[0];
    NativeArray[] out = new NativeArray[6];
    for (int i = 0; i < out.length; i++) {
      out[i] = NativeArray.allocate(DType.F32, pairs);
    }
    DpoLossOutputs outputs = new DpoLossOutputs(out[0], out[1], out[2], out[3], out[4], out[5]);
    DpoLossStats stats = Kernels.dpoLoss(fixture.array("policy_chosen_logps"),
        fixture.array("policy_rejected_logps"), fixture.array("ref_chosen_logps"),
        fixture.array("ref_rejected_logps"), DpoLossOptions.defaults().withBeta(fixture.scalar("beta")), outputs);
    assertScalar("loss", fixture.scalar("loss"), stats.loss());
    assertScalar("accuracy", fixture.scalar("accuracy"), stats.correct() / pairs);
    assertClose("losses", fixture.values("losses"), outputs.losses());
    assertClose("chosen_rewards", fixture.values("chosen_rewards"), outputs.chosenRewards());
    assertClose("rejected_rewards", fixture.values("rejected_rewards"), outputs.rejectedRewards());
    assertClose("margins", fixture.values("margins"), outputs.margins());
    assertClose("grad_chosen", fixture.values("grad_policy_chosen_logps"), outputs.gradChosen());
    assertClose("grad_rejected", fixture.values("grad_policy_rejected_logps"), outputs.gradRejected());
  }
}
