// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.DpoLossOptions;
import io.github.tppo.kernels.DpoLossOutputs;
import io.github.tppo.kernels.DpoLossStats;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;

/** Direct preference optimisation. */
final class DpoVectors {

  private DpoVectors() {}

  static void check(VectorFile file) {
    NativeArray chosen = file.input("policy_chosen_logps");
    long pairs = chosen.length();
    DpoLossOutputs outputs = new DpoLossOutputs(file.output(DType.F32, pairs), file.output(DType.F32, pairs),
        file.output(DType.F32, pairs), file.output(DType.F32, pairs), file.output(DType.F32, pairs),
        file.output(DType.F32, pairs));
    DpoLossStats stats = Kernels.dpoLoss(chosen, file.input("policy_rejected_logps"),
        file.input("ref_chosen_logps"), file.input("ref_rejected_logps"),
        DpoLossOptions.defaults().withBeta(file.inputScalar("beta")), outputs);
    file.compare("loss", stats.loss());
    file.compare("accuracy", stats.correct() / pairs);
    file.compare("losses", outputs.losses());
    file.compare("chosen_rewards", outputs.chosenRewards());
    file.compare("rejected_rewards", outputs.rejectedRewards());
    file.compare("margins", outputs.margins());
    file.compare("logits", outputs.margins());
    file.compare("grad_policy_chosen_logps", outputs.gradChosen());
    file.compare("grad_policy_rejected_logps", outputs.gradRejected());
    double[] c = file.read(outputs.chosenRewards());
    double[] r = file.read(outputs.rejectedRewards());
    for (int i = 0; i < c.length; i++) {
      c[i] = c[i] > r[i] ? 1 : 0;
    }
    file.compare("correct", c);
  }
}
