// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.Kernels;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** A benchmark that takes this runs our kernels on one thread. Each has a process of its own, so nothing is undone. */
@State(Scope.Thread)
public class OneThread {

  /** Overrides the setting of the class. */
  @Setup(Level.Iteration)
  public void set() {
    Kernels.setThreads(1);
  }
}
