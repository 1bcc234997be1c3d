// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.PolicyLossOptions;
import io.github.tppo.kernels.PolicyLossOutputs;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * Clipped policy loss from logits and its gradient, as in training: the gradient replaces the logits, and every call
 * finds fresh logits in memory.
 */
public class PolicyLossBenchmark extends LogitsBenchmark {

  private static final double ENTROPY_COEF = 0.01;

  /** none; statistic: entropy as a number; bonus: entropy in the loss and in the gradient. */
  @Param({"none", "bonus"})
  public String entropy;

  private NativeArray old;
  private NativeArray advantages;
  private Tensor oldTensor;
  private Tensor advantagesTensor;

  /** Makes the inputs and compares all ways on the first matrix. */
  @Setup
  public void setup() {
    if (!entropy.matches("none|statistic|bonus")) {
      throw new IllegalArgumentException("entropy must be none, statistic or bonus, is " + entropy);
    }
    makeLogits();
    Random random = new Random(2);
    float[] before = logprobs();
    float[] advantage = new float[tokens];
    for (int i = 0; i < tokens; i++) {
      // The policy has moved a little since it sampled: some ratios are clipped.
      before[i] += 0.1f * (float) random.nextGaussian();
      advantage[i] = (float) random.nextGaussian();
    }
    old = NativeArray.ofFloats(before);
    advantages = NativeArray.ofFloats(advantage);
    oldTensor = Torch.view(old, tokens);
    advantagesTensor = Torch.view(advantages, tokens);
    compare();
  }

  private void compare() {
    refill();
    double expected;
    float[] gradient;
    try (PointerScope scope = new PointerScope()) {
      Tensor exact = matrixTensor(0).to(torch.ScalarType.Float).detach().requires_grad_(true);
      expected = torchLoss(exact, exact);
      gradient = Torch.takeGradient(exact);
    }
    requireClose("loss of tppo", loss(0), expected, 1e-5);
    requireClose("gradient of tppo", Torch.toFloats(matrixTensor(0)), gradient, roundingError());
    if (isFloat32() && entropy.equals("none")) {
      requireClose("loss of cLoop", cLoss(1), expected, 1e-5);
      // It sums 32000 terms in float32, one after another.
      requireClose("gradient of cLoop", Torch.toFloats(matrixTensor(1)), gradient, 1e-4);
    }
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
    PolicyLossOptions options = PolicyLossOptions.defaults().withEntropyCoef(
        entropy.equals("bonus") ? ENTROPY_COEF : 0);
    return Kernels.policyLoss(layout(), matrix(k), targets, old, advantages, null, options,
        PolicyLossOutputs.none().withGradLogits(matrix(k).data())).loss();
  }

  /** One thread, expf of the C library; float32 without entropy only. */
  @Benchmark
  @OperationsPerInvocation(MATRICES)
  public double cLoop() {
    if (!isFloat32() || !entropy.equals("none")) {
      throw new UnsupportedOperationException("the C loop knows float32 and no entropy");
    }
    double sum = 0;
    for (int k = 0; k < MATRICES; k++) {
      sum += cLoss(k);
    }
    return sum;
  }

  private double cLoss(int k) {
    return NativeLoops.loops_policy_loss(matrix(k).data().address(), targets.address(), old.address(),
        advantages.address(), tokens, vocab);
  }

  /** Operation by operation in the type of the logits, backward through autograd. */
  @Benchmark
  public double libtorch() {
    try (PointerScope scope = new PointerScope()) {
      Tensor leaf = nextLeaf();
      double loss = torchLoss(leaf, leaf);
      leaf.mutable_grad().reset();
      return loss;
    }
  }

  /** The same on logits widened to float32 first, as many trainers do; for 16-bit logits. */
  @Benchmark
  public double libtorchAsFloat() {
    try (PointerScope scope = new PointerScope()) {
      Tensor leaf = nextLeaf();
      double loss = torchLoss(leaf, leaf.to(torch.ScalarType.Float));
      leaf.mutable_grad().reset();
      return loss;
    }
  }

  @Override
  boolean overwrites() {
    return true;
  }

  private double torchLoss(Tensor leaf, Tensor logits) {
    Tensor logprobs = torch.log_softmax(logits, 1);
    Tensor logprob = logprobs.gather(1, targetsTensor).squeeze(1);
    Tensor ratio = logprob.sub(oldTensor).exp();
    Tensor clipped = Torch.clamp(ratio, 0.8, 1.2);
    Tensor loss = torch.min(ratio.mul(advantagesTensor), clipped.mul(advantagesTensor)).mean().neg();
    if (entropy.equals("bonus")) {
      loss = loss.add(Torch.times(logprobs.exp().mul(logprobs).sum(1).mean(), ENTROPY_COEF));
    } else if (entropy.equals("statistic")) {
      Tensor constant = logprobs.detach();
      constant.exp().mul(constant).sum(1).mean().item_double();
    }
    loss.backward();
    return loss.item_double();
  }
}
