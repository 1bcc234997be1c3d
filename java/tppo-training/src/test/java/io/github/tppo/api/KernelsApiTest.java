// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.CudaException;
import io.github.tppo.kernels.Kernels;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Whatever a program gives the kernels' public methods, it gets a result or an exception that says what is wrong. */
class KernelsApiTest {

  @AfterAll
  static void settingsAsBefore() {
    Kernels.setThreads(0);
    Kernels.setCpuIsa("auto");
  }

  @Test
  void noCallIsAnsweredWithACrashAHangOrARiddle() throws Exception {
    try (HostileCalls calls = new HostileCalls(KernelSamples.create(), 2, List.of(CudaException.class))) {
      assertEquals("", String.join("\n", calls.faults(HostileCalls.classes(Kernels.class))));
      assertTrue(calls.calls() > 10_000, () -> calls.calls() + " calls only");
    }
  }
}
