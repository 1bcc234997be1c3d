// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.ValueLossOptions;
import io.github.tppo.kernels.ValueLossOutputs;
import io.github.tppo.kernels.ValueLossStats;

/** Value loss with and without clipping. */
final class ValueVectors {

  private ValueVectors() {}

  static void check(VectorFile file) {
    NativeArray values = file.input("values");
    NativeArray oldValues = file.input("old_values");
    NativeArray returns = file.input("returns");
    long n = values.length();
    double clip = file.inputScalar("clip");
    ValueLossOptions clipped = ValueLossOptions.defaults().withClip(clip);
    TokenLayout unmasked = TokenLayout.flat(n);
    TokenLayout masked = unmasked.withMask(file.input("mask"));

    // Expected at masked tokens too.
    ValueLossOutputs outputs = ValueLossOutputs.none().withPerToken(file.output(DType.F32, n));
    Kernels.valueLoss(unmasked, values, oldValues, returns, clipped, outputs);
    file.compare("per_token", outputs.perToken());

    outputs = ValueLossOutputs.none().withGradValues(file.output(DType.F32, n));
    ValueLossStats stats = Kernels.valueLoss(masked, values, oldValues, returns, clipped, outputs);
    file.compare("loss", stats.loss());
    file.compare("clip_fraction", stats.clipped() / stats.valid());
    file.compare("grad_values", outputs.gradValues());

    stats = Kernels.valueLoss(masked, values, null, returns, ValueLossOptions.defaults().withClip(-1), outputs);
    file.compare("unclipped_loss", stats.loss());
    file.compare("unclipped_grad_values", outputs.gradValues());

    // The kernel keeps the clipped value to itself; per_token above shows that it uses this one.
    double[] v = file.inputValues("values");
    double[] old = file.inputValues("old_values");
    for (int i = 0; i < v.length; i++) {
      v[i] = Math.max(old[i] - clip, Math.min(old[i] + clip, v[i]));
    }
    file.compare("values_clipped", v);
  }
}
