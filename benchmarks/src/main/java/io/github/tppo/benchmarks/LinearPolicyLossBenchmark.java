// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.Logits;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.OutputLayer;
import io.github.tppo.kernels.PolicyLossOptions;
import io.github.tppo.kernels.PolicyLossOutputs;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.TokenLogProbsOptions;
import io.github.tppo.kernels.TokenLogProbsOutputs;
import java.nio.FloatBuffer;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.infra.BenchmarkParams;

/** Policy loss behind an output layer: from hidden states to the gradients of hidden states and matrix, float32. */
public class LinearPolicyLossBenchmark extends OperationBenchmark {

  /** Tokens of a micro-batch. */
  @Param("512")
  public int tokens;

  /** Size of a hidden state. */
  @Param({"128", "1024"})
  public int hidden;

  /** Vocabulary. */
  @Param({"2048", "32000", "128256"})
  public int vocab;

  private NativeArray hiddenArray;
  private NativeArray weightArray;
  private NativeArray gradHidden;
  private NativeArray gradWeight;
  private NativeArray targets;
  private NativeArray old;
  private NativeArray advantages;
  private Tensor hiddenTensor;
  private Tensor weightTensor;
  private Tensor gradHiddenTensor;
  private Tensor gradWeightTensor;
  private Tensor targetsTensor;
  private Tensor oldTensor;
  private Tensor advantagesTensor;
  private double extraBytes;

  /** Makes the inputs, measures the memory of the method in question, and compares it with libtorch. */
  @Setup(Level.Trial)
  public void setup(BenchmarkParams params) {
    makeInputs();
    Runnable method = params.getBenchmark().endsWith(".tppo") ? this::fused
        : params.getBenchmark().endsWith(".libtorchProducts") ? this::products : this::allInTorch;
    extraBytes = ExtraMemory.of(method);
    moveFromOldPolicy();
    gradWeightTensor.zero_();
    method.run();
    float[] ofHidden = gradHidden.toFloats();
    float[] ofWeight = gradWeight.toFloats();
    gradWeightTensor.zero_();
    allInTorch();
    requireClose("gradient of hidden", ofHidden, gradHidden.toFloats(), 1e-4);
    requireClose("gradient of weight", ofWeight, gradWeight.toFloats(), 1e-4);
  }

  private void makeInputs() {
    hiddenArray = Memory.allocate(DType.F32, (long) tokens * hidden);
    weightArray = Memory.allocate(DType.F32, (long) vocab * hidden);
    gradHidden = Memory.allocate(DType.F32, hiddenArray.length());
    gradWeight = Memory.allocate(DType.F32, weightArray.length());
    hiddenTensor = Torch.view(hiddenArray, tokens, hidden);
    weightTensor = Torch.view(weightArray, vocab, hidden);
    gradHiddenTensor = Torch.view(gradHidden, tokens, hidden);
    gradWeightTensor = Torch.view(gradWeight, vocab, hidden);
    hiddenTensor.normal_();
    // Logits with a deviation of 3.
    weightTensor.normal_().mul_(new Scalar(3 / Math.sqrt(hidden)));
    Random random = new Random(1);
    float[] advantage = new float[tokens];
    for (int i = 0; i < tokens; i++) {
      advantage[i] = (float) random.nextGaussian();
    }
    targets = NativeArray.ofLongs(random.longs(tokens, 0, vocab).toArray());
    old = NativeArray.allocate(DType.F32, tokens);
    advantages = NativeArray.ofFloats(advantage);
    targetsTensor = Torch.view(targets, tokens, 1);
    oldTensor = Torch.view(old, tokens);
    advantagesTensor = Torch.view(advantages, tokens);
  }

  /** Sets the old log-probs so that some ratios are clipped; after the memory is measured, since it needs some. */
  private void moveFromOldPolicy() {
    Kernels.linearTokenLogProbs(TokenLayout.flat(tokens), OutputLayer.of(hiddenArray, hidden, weightArray), targets,
        TokenLogProbsOptions.defaults(), TokenLogProbsOutputs.none().withLogprob(old));
    Random random = new Random(2);
    FloatBuffer values = old.buffer().asFloatBuffer();
    for (int i = 0; i < tokens; i++) {
      values.put(i, values.get(i) + 0.1f * (float) random.nextGaussian());
    }
  }

  /** The products are bound by arithmetic. */
  @Override
  long bytes() {
    return 0;
  }

  /** One call, in chunks: the logits are never whole. */
  @Benchmark
  public void tppo(ExtraMemory memory) {
    fused();
    memory.extraBytes = extraBytes;
  }

  private void fused() {
    OutputLayer layer = OutputLayer.of(hiddenArray, hidden, weightArray).withGradients(gradHidden, gradWeight);
    Kernels.linearPolicyLoss(TokenLayout.flat(tokens), layer, targets, old, advantages, null,
        PolicyLossOptions.defaults(), PolicyLossOutputs.none());
  }

  /** The products by libtorch, our kernel in place on the whole logits between them. */
  @Benchmark
  public void libtorchProducts(ExtraMemory memory) {
    products();
    memory.extraBytes = extraBytes;
  }

  private void products() {
    try (PointerScope scope = new PointerScope(); NoGradGuard guard = new NoGradGuard()) {
      Tensor logits = hiddenTensor.matmul(weightTensor.t());
      NativeArray memory = NativeArray.of(logits.data_ptr(), logits.numel(), DType.F32);
      Kernels.policyLoss(TokenLayout.flat(tokens), Logits.of(memory, vocab), targets, old, advantages, null,
          PolicyLossOptions.defaults(), PolicyLossOutputs.none().withGradLogits(memory));
      torch.matmul_out(gradHiddenTensor, logits, weightTensor);
      gradWeightTensor.addmm_(logits.t(), hiddenTensor);
    }
  }

  /** Everything by libtorch, backward through autograd. */
  @Benchmark
  public void libtorch(ExtraMemory memory) {
    allInTorch();
    memory.extraBytes = extraBytes;
  }

  private void allInTorch() {
    try (PointerScope scope = new PointerScope()) {
      Tensor hiddenLeaf = hiddenTensor.detach().requires_grad_(true);
      Tensor weightLeaf = weightTensor.detach().requires_grad_(true);
      weightLeaf.mutable_grad().put(gradWeightTensor);
      Tensor logprobs = torch.log_softmax(hiddenLeaf.matmul(weightLeaf.t()), 1);
      Tensor ratio = logprobs.gather(1, targetsTensor).squeeze(1).sub(oldTensor).exp();
      Tensor clipped = Torch.clamp(ratio, 0.8, 1.2);
      torch.min(ratio.mul(advantagesTensor), clipped.mul(advantagesTensor)).mean().neg().backward();
      gradHiddenTensor.copy_(hiddenLeaf.grad());
      if (weightLeaf.grad().data_ptr().address() != gradWeightTensor.data_ptr().address()) {
        gradWeightTensor.copy_(weightLeaf.grad());
      }
    }
  }
}
