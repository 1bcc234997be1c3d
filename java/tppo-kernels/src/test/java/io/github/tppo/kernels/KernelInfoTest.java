// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class KernelInfoTest {

  @Test
  void namesVersionVariantAndWhatIsMissing() {
    KernelInfo info = KernelInfo.query();
    assertEquals(NativeLibrary.version().replace("-SNAPSHOT", ""), info.version());
    assertTrue(info.buildId().matches("[0-9a-f]{16}"), info::buildId);
    assertTrue(info.variant().equals("cpu") || info.variant().equals("cuda13"), info::variant);
    assertTrue(info.threads() >= 1);
    assertEquals(info.cudaDevices().isEmpty(), !info.cudaUnavailableReason().isEmpty());
  }

  @Test
  void threadsAndInstructionSetAreChecked() {
    assertThrows(IllegalArgumentException.class, () -> Kernels.setThreads(-1));
    assertThrows(IllegalArgumentException.class, () -> Kernels.setThreads(1025));
    assertThrows(IllegalArgumentException.class, () -> Kernels.setCpuIsa("z80"));
    Kernels.setCpuIsa("auto");
  }

  @Test
  void everyInstructionSetThatIsListedCanBeUsedAndNoOther() {
    List<String> offered = KernelInfo.query().cpuIsas();
    assertTrue(offered.contains("portable"), offered::toString);
    try {
      for (String isa : List.of("x86-64-v4-bf16", "x86-64-v4", "x86-64-v3", "neon", "portable")) {
        if (offered.contains(isa)) {
          Kernels.setCpuIsa(isa);
          assertEquals(isa, KernelInfo.query().cpuIsa());
        } else {
          assertThrows(RuntimeException.class, () -> Kernels.setCpuIsa(isa));
        }
      }
    } finally {
      Kernels.setCpuIsa("auto");
    }
    assertEquals(offered.get(0), KernelInfo.query().cpuIsa());
  }

  @Test
  void cudaWithoutADeviceSaysWhy() {
    if (!KernelInfo.query().cudaDevices().isEmpty()) {
      return;
    }
    RuntimeException e = assertThrows(RuntimeException.class, () -> CudaMemory.allocate(Device.cuda(0), DType.F32, 1));
    assertTrue(e instanceof CudaException || e instanceof UnsupportedOperationException, e::toString);
    assertFalse(e.getMessage().isBlank());
  }
}
