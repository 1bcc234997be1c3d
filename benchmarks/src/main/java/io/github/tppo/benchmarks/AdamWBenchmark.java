// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.AdamWOptions;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** One AdamW step on one large tensor, in place. */
public class AdamWBenchmark extends OperationBenchmark {

  private static final double LEARNING_RATE = 1e-3;

  /** Parameters. */
  @Param("16777216")
  public int length;

  private NativeArray param;
  private NativeArray grad;
  private NativeArray expAvg;
  private NativeArray expAvgSq;
  private long step;
  private Tensor leaf;
  private AdamW optimizer;

  /** Makes the inputs and compares the first two steps with libtorch. */
  @Setup
  public void setup() {
    param = Memory.allocate(DType.F32, length);
    grad = Memory.allocate(DType.F32, length);
    expAvg = Memory.allocate(DType.F32, length);
    expAvgSq = Memory.allocate(DType.F32, length);
    Torch.view(param, length).normal_();
    Torch.view(grad, length).normal_();
    leaf = Torch.view(param, length).clone().detach().requires_grad_(true);
    leaf.mutable_grad().put(Torch.view(grad, length).clone());
    org.bytedeco.pytorch.AdamWOptions options = new org.bytedeco.pytorch.AdamWOptions(LEARNING_RATE);
    optimizer = new AdamW(new TensorVector(leaf), options);
    for (int i = 0; i < 2; i++) {
      tppo();
      libtorch();
    }
    requireClose("parameters of tppo", param.toFloats(), Torch.toFloats(leaf), 1e-6);
  }

  @Override
  long bytes() {
    return 28L * length;
  }

  /** One kernel call. */
  @Benchmark
  public void tppo() {
    step++;
    Kernels.adamW(param, grad, expAvg, expAvgSq, step, 1,
        AdamWOptions.defaults().withLearningRate(LEARNING_RATE));
  }

  /** A step of libtorch's optimiser. */
  @Benchmark
  public void libtorch() {
    try (PointerScope scope = new PointerScope()) {
      optimizer.step();
    }
  }
}
