// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.ValueLossOptions;
import io.github.tppo.kernels.ValueLossOutputs;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** Clipped value loss and its gradient, apart from the values. */
public class ValueLossBenchmark extends OperationBenchmark {

  private static final float CLIP = 0.2f;

  /** Sequences times tokens. */
  @Param("256x1024")
  public String shape;

  private TokenBatch batch;
  private float[] old;
  private NativeArray oldArray;
  private NativeArray gradient;
  private Tensor leaf;
  private Tensor oldTensor;
  private Tensor returns;
  private Tensor mask;
  private float[] javaGradient;

  /** Makes the inputs and compares every way to the Java loop. */
  @Setup
  public void setup() {
    batch = TokenBatch.of(shape);
    Random random = new Random(2);
    old = new float[batch.tokens];
    for (int i = 0; i < old.length; i++) {
      old[i] = batch.values[i] + 0.2f * (float) random.nextGaussian();
    }
    oldArray = Memory.allocate(DType.F32, batch.tokens);
    oldArray.buffer().asFloatBuffer().put(old);
    gradient = Memory.allocate(DType.F32, batch.tokens);
    leaf = Torch.leaf(batch.valuesArray, batch.tokens);
    oldTensor = Torch.view(oldArray, batch.tokens);
    returns = Torch.view(batch.rewardsArray, batch.tokens);
    mask = Torch.view(batch.maskArray, batch.tokens).to(torch.ScalarType.Float);
    javaGradient = new float[batch.tokens];
    double expected = javaLoop();
    requireClose("loss of tppo", tppo(), expected, 1e-5 * expected);
    requireClose("gradient of tppo", gradient.toFloats(), javaGradient, 1e-5);
    try (PointerScope scope = new PointerScope()) {
      requireClose("loss of libtorch", torchLoss(), expected, 1e-5 * expected);
      requireClose("gradient of libtorch", Torch.takeGradient(leaf), javaGradient, 1e-5);
    }
  }

  @Override
  long bytes() {
    return 17L * batch.tokens;
  }

  /** One kernel call. */
  @Benchmark
  public double tppo() {
    return Kernels.valueLoss(batch.layout, batch.valuesArray, oldArray, batch.rewardsArray,
        ValueLossOptions.defaults().withClip(CLIP), ValueLossOutputs.none().withGradValues(gradient)).loss();
  }

  /** The same in Java. */
  @Benchmark
  public double javaLoop() {
    double sum = 0;
    for (int i = 0; i < batch.tokens; i++) {
      javaGradient[i] = 0;
      if (batch.mask[i] == 0) {
        continue;
      }
      float error = batch.values[i] - batch.rewards[i];
      float clipped = old[i] + Math.max(-CLIP, Math.min(CLIP, batch.values[i] - old[i])) - batch.rewards[i];
      boolean inside = Math.abs(batch.values[i] - old[i]) <= CLIP;
      sum += Math.max(error * error, clipped * clipped);
      if (inside || error * error >= clipped * clipped) {
        javaGradient[i] = error / batch.valid;
      }
    }
    return 0.5 * sum / batch.valid;
  }

  /** Operation by operation, backward through autograd. */
  @Benchmark
  public double libtorch() {
    try (PointerScope scope = new PointerScope()) {
      double loss = torchLoss();
      leaf.mutable_grad().reset();
      return loss;
    }
  }

  private double torchLoss() {
    Tensor clipped = oldTensor.add(Torch.clamp(leaf.sub(oldTensor), -CLIP, CLIP));
    Tensor worse = torch.max(leaf.sub(returns).square(), clipped.sub(returns).square());
    Tensor loss = Torch.times(worse.mul(mask).sum().div(mask.sum()), 0.5);
    loss.backward();
    return loss.item_double();
  }
}
