// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Device;
import io.github.tppo.model.SafeTensors;
import io.github.tppo.verify.VerifyReport.FileReport;
import io.github.tppo.verify.VerifyReport.Quantity;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelVectorsTest {

  /** The vectors of the kernels' own tests. */
  private static final Path VECTORS = Path.of("../tppo-kernels/src/test/resources/fixtures/kernels");

  @Test
  void everyExpectedTensorOfEveryFileAgrees() throws IOException {
    VerifyReport report = KernelVectors.verify(VECTORS, Device.CPU);
    List<Quantity> bad = report.files().stream().flatMap(f -> f.quantities().stream()).filter(q -> !q.ok()).toList();
    assertEquals(List.of(), bad);
    assertTrue(report.ok());
    assertEquals("cpu", report.backend());
    assertEquals(7, report.files().size());
    List<String> shaping = report.files().stream().filter(f -> f.file().equals("reward_shaping.safetensors"))
        .flatMap(f -> f.quantities().stream()).map(Quantity::name).toList();
    assertTrue(shaping.containsAll(List.of("edge_lwp", "sl0_expected", "sl1_median", "rewards_with_kl")), shaping::toString);
  }

  @Test
  void aWrongExpectationIsReportedWithTheElement(@TempDir Path folder) throws IOException {
    Path file = Files.copy(VECTORS.resolve("dpo.safetensors"), folder.resolve("dpo.safetensors"));
    SafeTensors.Entry margins = SafeTensors.open(file).entry("margins");
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.seek(margins.offset());
      bytes.writeLong(Long.reverseBytes(Double.doubleToLongBits(1e9)));
    }
    VerifyReport report = KernelVectors.verify(folder, Device.CPU);
    assertFalse(report.ok());
    FileReport dpo = report.files().get(0);
    Quantity wrong = dpo.quantities().stream().filter(q -> !q.ok()).findFirst().orElseThrow();
    assertEquals("margins", wrong.name());
    assertTrue(wrong.reason().startsWith("element 0: expected 1.0E9"), wrong::reason);
  }

  @Test
  void unknownFilesAndEmptyFoldersAreNotOk(@TempDir Path folder) throws IOException {
    assertThrows(IOException.class, () -> KernelVectors.verify(folder, Device.CPU));
    Files.copy(VECTORS.resolve("dpo.safetensors"), folder.resolve("other.safetensors"));
    VerifyReport report = KernelVectors.verify(folder, Device.CPU);
    assertFalse(report.ok());
    assertTrue(report.files().get(0).quantities().get(0).reason().contains("no kernel belongs"));
  }
}
