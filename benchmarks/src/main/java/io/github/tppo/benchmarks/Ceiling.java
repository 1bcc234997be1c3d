// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.NativeArray;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * How fast the machine moves as many bytes as one operation must, measured around every iteration, so that the two are
 * compared under the same load. The ceiling is an in-place stream: every byte of an array of half the size is read and
 * written once, by as many threads; for an operation that only reads, a stream that only reads.
 */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.EVENTS)
public class Ceiling {

  /** Long enough for the clock and short beside an iteration. */
  private static final double SECONDS = 0.03;

  private long bytes;
  private double seconds;
  private int samples;
  private double sameArraysSeconds;
  private int sameArraysSamples;
  private NativeArray array;

  /** Forgets the samples of the iteration before. */
  void start(long bytesOfOperation) {
    bytes = bytesOfOperation;
    seconds = 0;
    samples = 0;
    sameArraysSeconds = 0;
    sameArraysSamples = 0;
  }

  /** Adds a sample. */
  void add(double secondsOfOperation) {
    seconds += secondsOfOperation;
    samples++;
  }

  /** Adds a sample of a stream over the very arrays of the operation, where there is one. */
  void addSameArrays(double secondsOfOperation) {
    sameArraysSeconds += secondsOfOperation;
    sameArraysSamples++;
  }

  /** Takes a sample with memory of its own. */
  void measure(int threads) {
    long count = bytes / 2 / Float.BYTES;
    if (count == 0) {
      return;
    }
    if (array == null || array.length() != count) {
      array = Memory.allocate(DType.F32, count);
    }
    double once = NativeLoops.loops_scale(array.address(), 1, count, threads, 1);
    int repeats = (int) Math.max(1, Math.min(1_000_000, SECONDS / once));
    add(NativeLoops.loops_scale(array.address(), 1, count, threads, repeats));
  }

  /** Bytes that one operation must move; 0 where a stream is no measure. */
  public double bytes() {
    return bytes;
  }

  /** Nanoseconds that the stream takes for them; 0 where it was not measured. */
  public double streamNanos() {
    return seconds / Math.max(1, samples) * 1e9;
  }

  /** Nanoseconds of a stream over the very arrays of the operation; 0 where there is none. */
  public double sameArraysNanos() {
    return sameArraysSeconds / Math.max(1, sameArraysSamples) * 1e9;
  }
}
