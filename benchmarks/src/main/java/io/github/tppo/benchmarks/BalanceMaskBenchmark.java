// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.BalanceMaskOptions;
import io.github.tppo.kernels.BalanceMaskStats;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** Thinning of the larger class. libtorch draws other random numbers, so results agree in their counts only. */
public class BalanceMaskBenchmark extends OperationBenchmark {

  private static final double RHO = 3;

  /** Sequences times tokens. */
  @Param("256x1024")
  public String shape;

  private TokenBatch batch;
  private NativeArray labels;
  private NativeArray out;
  private Tensor labelsTensor;
  private Tensor maskTensor;

  /** Makes the inputs and compares the tokens kept with their expectation. */
  @Setup
  public void setup() {
    batch = TokenBatch.of(shape);
    Random random = new Random(2);
    int[] classes = new int[batch.tokens];
    for (int i = 0; i < classes.length; i++) {
      // A tenth relevant, a tenth neither, the rest irrelevant.
      double u = random.nextDouble();
      classes[i] = u < 0.1 ? 2 : u < 0.2 ? 0 : 1;
    }
    labels = Memory.allocate(DType.I32, batch.tokens);
    labels.buffer().asIntBuffer().put(classes);
    out = Memory.allocate(DType.U8, batch.tokens);
    labelsTensor = Torch.view(labels, batch.tokens);
    maskTensor = Torch.view(batch.maskArray, batch.tokens).to(torch.ScalarType.Bool);
    BalanceMaskStats stats = tppo();
    double expected = RHO * stats.kept2();
    requireClose("kept tokens of class 1 of tppo", stats.kept1(), expected, 6 * Math.sqrt(expected));
    try (PointerScope scope = new PointerScope()) {
      double kept = keep().logical_and(labelsTensor.eq(new Scalar(1))).sum().item_double();
      requireClose("kept tokens of class 1 of libtorch", kept, expected, 6 * Math.sqrt(expected));
    }
  }

  @Override
  long bytes() {
    return 6L * batch.tokens;
  }

  /** One kernel call. */
  @Benchmark
  public BalanceMaskStats tppo() {
    return Kernels.balanceMask(batch.layout, labels, null, BalanceMaskOptions.defaults().withRho(RHO), out);
  }

  /** Counts, uniform random numbers and a comparison. */
  @Benchmark
  public void libtorch() {
    try (PointerScope scope = new PointerScope()) {
      keep();
    }
  }

  private Tensor keep() {
    Tensor first = labelsTensor.eq(new Scalar(1)).logical_and(maskTensor);
    Tensor second = labelsTensor.eq(new Scalar(2)).logical_and(maskTensor);
    double n1 = first.sum().item_double();
    double n2 = second.sum().item_double();
    Tensor larger = n1 > n2 ? first : second;
    double probability = Math.min(1, RHO * Math.min(n1, n2) / Math.max(n1, n2));
    Tensor dropped = torch.rand(batch.tokens).ge(new Scalar(probability)).logical_and(larger);
    return maskTensor.logical_and(dropped.logical_not());
  }
}
