// SPDX-License-Identifier: Apache-2.0
package io.github.tppo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.Logits;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.PolicyLossOptions;
import io.github.tppo.kernels.PolicyLossOutputs;
import io.github.tppo.kernels.PolicyLossStats;
import io.github.tppo.kernels.TokenLayout;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

/** The examples of the README, compiled and run. */
class ReadmeExampleTest {

  @Test
  void kernelsOnPlainBuffers() {
    // Two responses of three tokens; the second has two, and its third slot is never read.
    TokenLayout layout = TokenLayout.padded(2, 3).withMask(NativeArray.ofMask(true, true, true, true, true, false));
    NativeArray rewards = NativeArray.ofFloats(0, 1, 2, 0, 1, Float.NaN);
    NativeArray values = NativeArray.ofFloats(0.5f, 0.5f, 1, 0.2f, 0.4f, Float.NaN);
    NativeArray advantages = NativeArray.allocate(DType.F32, 6);
    NativeArray returns = NativeArray.allocate(DType.F32, 6);
    Kernels.gae(layout, rewards, values, GaeOptions.defaults().withLambda(0.95), advantages, returns);

    assertEquals(1, advantages.toFloats()[2], 1e-6);
    assertEquals(0.6, advantages.toFloats()[4], 1e-6);
    assertEquals(0, advantages.toFloats()[5]);
  }

  @Test
  void kernelsOnTheMemoryOfALibtorchTensor() {
    Tensor logits = torch.randn(6, 32000);
    NativeArray memory = NativeArray.of(logits.data_ptr(), logits.numel(), DType.F32);
    NativeArray targets = NativeArray.ofLongs(3, 1, 4, 1, 5, 9);
    NativeArray oldLogprobs = NativeArray.ofFloats(-10, -10, -10, -10, -10, -10);
    NativeArray advantages = NativeArray.ofFloats(1, -1, 1, -1, 1, -1);
    // Clipped PPO loss; its gradient replaces the logits, so nothing of their size is allocated.
    PolicyLossStats stats = Kernels.policyLoss(TokenLayout.padded(2, 3), Logits.of(memory, 32000), targets,
        oldLogprobs, advantages, null, PolicyLossOptions.defaults(), PolicyLossOutputs.none().withGradLogits(memory));

    assertTrue(Double.isFinite(stats.loss()));
    assertEquals(6, stats.valid());
    // A gradient with respect to logits sums to zero in every row.
    assertEquals(0, logits.sum().item_double(), 1e-4);
  }
}
