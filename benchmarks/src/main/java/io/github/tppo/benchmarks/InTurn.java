// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * How long our kernel takes in the process of another way, called in turn with it, so that their ratio does not depend on which of two processes
 * found the memory busy.
 */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.EVENTS)
public class InTurn {

  private double nanos;
  private int calls;

  /** Forgets the calls of the iteration before. */
  void start() {
    nanos = 0;
    calls = 0;
  }

  /** Adds some calls. */
  void add(double nanosOfCalls, int count) {
    nanos += nanosOfCalls;
    calls += count;
  }

  /** Nanoseconds of a call of ours; 0 where there was none. */
  public double tppoNanos() {
    return nanos / Math.max(1, calls);
  }
}
