// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.NativeArray;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** How fast this machine moves bytes: what other classes measure around their iterations, as a benchmark of its own. */
public class StreamBenchmark extends OperationBenchmark {

  private static final int REPEATS = 8;

  /** Size of the array: one that fits a last-level cache, one that does not. */
  @Param({"8", "256"})
  public int mebibytes;

  private NativeArray array;
  private NativeArray copy;
  private Tensor tensor;

  /** Makes the arrays. */
  @Setup
  public void setup() {
    long count = (long) mebibytes << 18;
    array = Memory.allocate(DType.F32, count);
    copy = Memory.allocate(DType.F32, count);
    tensor = Torch.view(array, count);
  }

  /** Every byte is read and written. */
  @Override
  long bytes() {
    return (long) mebibytes << 21;
  }

  /** x *= c in place. */
  @Benchmark
  @OperationsPerInvocation(REPEATS)
  public double scale() {
    return NativeLoops.loops_scale(array.address(), 1, array.length(), threadCount(), REPEATS);
  }

  /** memcpy from one array to the other, a part for each thread. */
  @Benchmark
  public void copy() {
    Memory.copy(array, copy, threadCount());
  }

  /** x *= c in place, by libtorch. */
  @Benchmark
  public void libtorch() {
    try (PointerScope scope = new PointerScope()) {
      tensor.mul_(new Scalar(1.0));
    }
  }
}
