// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** Norm over all gradients of a model together. */
public class GlobalNormBenchmark extends OperationBenchmark {

  /** Tensors of the model. */
  @Param("64")
  public int tensors;

  /** Elements of each. */
  @Param("1048576")
  public int length;

  private NativeArray all;
  private final List<NativeArray> gradients = new ArrayList<>();
  private final List<Tensor> views = new ArrayList<>();

  /** Makes the inputs and compares with libtorch. */
  @Setup
  public void setup() {
    all = Memory.allocate(DType.F32, (long) tensors * length);
    for (int k = 0; k < tensors; k++) {
      NativeArray gradient = all.slice((long) k * length, length);
      Tensor view = Torch.view(gradient, length);
      view.normal_();
      gradients.add(gradient);
      views.add(view);
    }
    double norm = tppo();
    // libtorch adds the squares of a tensor up in float32.
    requireClose("norm of tppo", norm, libtorch(), 1e-4 * norm);
  }

  @Override
  long bytes() {
    return 4L * tensors * length;
  }

  /** A stream that reads as much. */
  @Override
  void sampleCeiling() {
    ceiling().add(NativeLoops.loops_read(all.address(), all.length(), threadCount()));
  }

  /** One kernel call. */
  @Benchmark
  public double tppo() {
    return Kernels.globalNorm(gradients, 1).norm();
  }

  /** The norm of the norms. */
  @Benchmark
  public double libtorch() {
    try (PointerScope scope = new PointerScope()) {
      Tensor[] norms = views.stream().map(Tensor::norm).toArray(Tensor[]::new);
      return torch.stack(new TensorVector(norms)).norm().item_double();
    }
  }
}
