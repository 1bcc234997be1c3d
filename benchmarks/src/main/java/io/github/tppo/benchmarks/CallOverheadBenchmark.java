// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.Logits;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.PolicyLossOptions;
import io.github.tppo.kernels.PolicyLossOutputs;
import io.github.tppo.kernels.PolicyLossStats;
import io.github.tppo.kernels.TokenLayout;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What a call costs before it does any work: checks, argument struct, JNI, native checks. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 2, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 6, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class CallOverheadBenchmark {

  private final NativeArray one = NativeArray.ofFloats(1);
  private final NativeArray target = NativeArray.ofLongs(0);
  private final NativeArray out = NativeArray.allocate(DType.F32, 1);
  private final TokenLayout layout = TokenLayout.flat(1);
  private final Logits logits = Logits.of(one, 1);
  private final Tensor tensor = torch.ones(1);

  /** The cheapest native call that there is, for comparison. */
  @Benchmark
  public int bareCall() {
    return Kernels.threads();
  }

  /** A small operation of libtorch. */
  @Benchmark
  public void libtorchAddOfOne() {
    try (PointerScope scope = new PointerScope()) {
      tensor.add(tensor);
    }
  }

  /** Four arrays, no statistics. */
  @Benchmark
  public void gaeOfOneToken() {
    Kernels.gae(layout, one, one, GaeOptions.defaults(), out, null);
  }

  /** The call with the most arguments. */
  @Benchmark
  public PolicyLossStats policyLossOfOneToken() {
    return Kernels.policyLoss(layout, logits, target, one, one, null, PolicyLossOptions.defaults(),
        PolicyLossOutputs.none());
  }
}
