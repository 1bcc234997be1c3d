// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NllLossOptions;
import io.github.tppo.kernels.NllLossOutputs;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Setup;

/** Negative log-likelihood from logits and its gradient, which replaces the logits: supervised fine-tuning. */
public class NllLossBenchmark extends LogitsBenchmark {

  /** Makes the inputs and compares with libtorch in float32. */
  @Setup
  public void setup() {
    makeLogits();
    try (PointerScope scope = new PointerScope()) {
      Tensor exact = matrixTensor(0).to(torch.ScalarType.Float).detach().requires_grad_(true);
      double expected = crossEntropy(exact);
      float[] gradient = Torch.takeGradient(exact);
      requireClose("loss of tppo", loss(0), expected, 1e-5 * expected);
      requireClose("gradient of tppo", Torch.toFloats(matrixTensor(0)), gradient, roundingError());
    }
  }

  @Override
  boolean overwrites() {
    return true;
  }

  /** One kernel call for each matrix. */
  @Benchmark
  @OperationsPerInvocation(MATRICES)
  public double tppo() {
    double sum = 0;
    for (int k = 0; k < MATRICES; k++) {
      sum += loss(k);
    }
    return sum;
  }

  @Override
  void callOurs(int k) {
    loss(k);
  }

  private double loss(int k) {
    return Kernels.nllLoss(layout(), matrix(k), targets, null, NllLossOptions.defaults(),
        NllLossOutputs.none().withGradLogits(matrix(k).data())).loss();
  }

  /** cross_entropy and its backward pass. */
  @Benchmark
  public double libtorch() {
    try (PointerScope scope = new PointerScope()) {
      Tensor leaf = nextLeaf();
      double loss = crossEntropy(leaf);
      leaf.mutable_grad().reset();
      return loss;
    }
  }

  private double crossEntropy(Tensor leaf) {
    Tensor loss = torch.cross_entropy(leaf, targetsTensor.squeeze(1));
    loss.backward();
    return loss.item_double();
  }
}
