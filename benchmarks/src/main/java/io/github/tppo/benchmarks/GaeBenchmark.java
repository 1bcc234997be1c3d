// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** Generalised advantage estimation over a masked, padded batch, results apart from inputs. */
public class GaeBenchmark extends OperationBenchmark {

  private static final float GAMMA = 1;
  private static final float LAMBDA = 0.95f;

  /** Sequences times tokens: one that fits a cache, one that does not. */
  @Param({"256x1024", "2048x4096"})
  public String shape;

  private TokenBatch batch;
  private NativeArray advantages;
  private NativeArray returns;
  private Tensor rewardsTensor;
  private Tensor valuesTensor;
  private Tensor maskTensor;
  private float[] javaAdvantages;
  private float[] javaReturns;

  /** Makes the inputs and compares every way to the Java loop. */
  @Setup
  public void setup() {
    batch = TokenBatch.of(shape);
    advantages = Memory.allocate(DType.F32, batch.tokens);
    returns = Memory.allocate(DType.F32, batch.tokens);
    rewardsTensor = Torch.view(batch.rewardsArray, batch.sequences, batch.length);
    valuesTensor = Torch.view(batch.valuesArray, batch.sequences, batch.length);
    maskTensor = Torch.view(batch.maskArray, batch.sequences, batch.length).to(torch.ScalarType.Float);
    javaAdvantages = new float[batch.tokens];
    javaReturns = new float[batch.tokens];
    javaLoop();
    tppo();
    check("tppo", advantages, returns);
    cLoop();
    check("cLoop", advantages, returns);
    try (PointerScope scope = new PointerScope()) {
      checkTorch("libtorchTrl", trl());
      checkTorch("libtorchVerl", verl(rewardsTensor, valuesTensor, maskTensor));
    }
  }

  private void check(String way, NativeArray actualAdvantages, NativeArray actualReturns) {
    requireClose("advantages of " + way, actualAdvantages.toFloats(), javaAdvantages, 1e-5);
    requireClose("returns of " + way, actualReturns.toFloats(), javaReturns, 1e-5);
  }

  /** The loops of the libraries leave something in masked slots. */
  private void checkTorch(String way, Tensor actual) {
    requireClose("advantages of " + way, Torch.toFloats(actual.mul(maskTensor)), javaAdvantages, 1e-5);
  }

  @Override
  long bytes() {
    return 17L * batch.tokens;
  }

  /** Our kernel. */
  @Benchmark
  public void tppo() {
    Kernels.gae(batch.layout, batch.rewardsArray, batch.valuesArray,
        GaeOptions.defaults().withGamma(GAMMA).withLambda(LAMBDA), advantages, returns);
  }

  /** Our kernel on one thread, to be compared with plain loops. */
  @Benchmark
  public void tppoOneThread(OneThread setting) {
    tppo();
  }

  /** The recurrence in C. */
  @Benchmark
  public void cLoop() {
    NativeLoops.loops_gae(batch.rewardsArray.address(), batch.valuesArray.address(), batch.maskArray.address(),
        advantages.address(), returns.address(), batch.sequences, batch.length, GAMMA, LAMBDA);
  }

  /** The recurrence in Java. */
  @Benchmark
  public float[] javaLoop() {
    for (int b = 0; b < batch.sequences; b++) {
      float next = 0;
      float carried = 0;
      for (int i = (b + 1) * batch.length - 1; i >= b * batch.length; i--) {
        if (batch.mask[i] == 0) {
          javaAdvantages[i] = 0;
          javaReturns[i] = 0;
          continue;
        }
        carried = batch.rewards[i] + GAMMA * next - batch.values[i] + GAMMA * LAMBDA * carried;
        next = batch.values[i];
        javaAdvantages[i] = carried;
        javaReturns[i] = carried + batch.values[i];
      }
    }
    return javaAdvantages;
  }

  /** One step for all sequences at a time, as TRL writes it: masked slots hold zeros, no mask is read. */
  @Benchmark
  public void libtorchTrl() {
    try (PointerScope scope = new PointerScope()) {
      trl().add(valuesTensor);
    }
  }

  private Tensor trl() {
    Tensor[] reversed = new Tensor[batch.length];
    Tensor carried = torch.zeros(batch.sequences);
    Tensor next = torch.zeros(batch.sequences);
    for (int t = batch.length - 1; t >= 0; t--) {
      Tensor value = valuesTensor.select(1, t);
      Tensor delta = rewardsTensor.select(1, t).add(Torch.times(next, GAMMA)).sub(value);
      carried = delta.add(Torch.times(carried, GAMMA * LAMBDA));
      next = value;
      reversed[t] = carried;
    }
    return torch.stack(new TensorVector(reversed), 1);
  }

  /** The same with masked tokens skipped, as veRL writes it. */
  @Benchmark
  public void libtorchVerl() {
    try (PointerScope scope = new PointerScope()) {
      verl(rewardsTensor, valuesTensor, maskTensor).add(valuesTensor);
    }
  }

  /** Advantages from [sequences, length] tensors. */
  static Tensor verl(Tensor rewards, Tensor values, Tensor mask) {
    int length = Math.toIntExact(values.size(1));
    Tensor[] reversed = new Tensor[length];
    Tensor carried = torch.zeros(values.size(0));
    Tensor next = torch.zeros(values.size(0));
    for (int t = length - 1; t >= 0; t--) {
      Tensor value = values.select(1, t);
      Tensor delta = rewards.select(1, t).add(Torch.times(next, GAMMA)).sub(value);
      Tensor step = delta.add(Torch.times(carried, GAMMA * LAMBDA));
      Tensor here = mask.select(1, t);
      Tensor elsewhere = Torch.plus(here.neg(), 1);
      next = value.mul(here).add(elsewhere.mul(next));
      carried = step.mul(here).add(elsewhere.mul(carried));
      reversed[t] = carried;
    }
    return torch.stack(new TensorVector(reversed), 1);
  }

  /** Adds a second ceiling: the same five arrays read and written, with nothing to compute. */
  @Override
  void sampleCeiling() {
    super.sampleCeiling();
    int repeats = Math.max(1, 4_000_000 / batch.tokens);
    ceiling().addSameArrays(NativeLoops.loops_gae_stream(batch.rewardsArray.address(), batch.valuesArray.address(),
        batch.maskArray.address(), advantages.address(), returns.address(), batch.tokens, threadCount(),
        repeats));
  }
}
