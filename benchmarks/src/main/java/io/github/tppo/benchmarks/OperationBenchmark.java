// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.Kernels;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What the benchmarks share: settings, threads, the ceiling, and the comparison of results before timing. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 6, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public abstract class OperationBenchmark {

  /** Threads of our kernels, libtorch and the stream; 0 means all processors. Plain loops have one. */
  @Param("0")
  public int threads;

  /** Instruction set of our kernels: auto, x86-64-v4, x86-64-v3 or portable. */
  @Param("auto")
  public String isa;

  private Ceiling ceiling;

  /** Bytes that the operation must read and write at least, each array once; 0 where a stream is no measure of it. */
  abstract long bytes();

  /** Applies the settings; runs before the setup of subclasses. */
  @Setup(Level.Trial)
  public void applySettings() {
    Kernels.setCpuIsa(isa);
    Kernels.setThreads(threadCount());
    torch.set_num_threads(threadCount());
    torch.manual_seed(1);
  }

  /** Measures the ceiling before an iteration. */
  @Setup(Level.Iteration)
  public void ceilingBefore(Ceiling measured) {
    ceiling = measured;
    ceiling.start(bytes());
    sampleCeiling();
  }

  /** Measures the ceiling after an iteration. */
  @TearDown(Level.Iteration)
  public void ceilingAfter() {
    sampleCeiling();
  }

  void sampleCeiling() {
    ceiling.measure(threadCount());
  }

  final Ceiling ceiling() {
    return ceiling;
  }

  final int threadCount() {
    return threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
  }

  /** Refuses to time two things that do not compute the same. */
  static void requireClose(String what, double actual, double expected, double tolerance) {
    if (!(Math.abs(actual - expected) <= tolerance)) {
      throw new IllegalStateException(
          what + " is " + actual + " but must be " + expected + " within " + tolerance);
    }
  }

  /** The same for arrays; the tolerance is a fraction of the largest magnitude. */
  static void requireClose(String what, float[] actual, float[] expected, double tolerance) {
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      // Math.max keeps a NaN, which then fails below.
      difference = Math.max(difference, Math.abs((double) actual[i] - expected[i]));
    }
    if (actual.length != expected.length || !(difference <= tolerance * largest)) {
      throw new IllegalStateException(what + " differs by up to " + difference
          + " although its largest magnitude is " + largest + "; allowed is a fraction of " + tolerance);
    }
  }
}
