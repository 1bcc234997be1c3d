// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.Backend;
import io.github.tppo.run.ConfigException;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class DoctorTest {
  private final Doctor.Diagnosis diagnosis = Doctor.examine();

  private Finding finding(String name) {
    return diagnosis.findings().stream().filter(f -> f.name().equals(name)).findFirst().orElseThrow();
  }

  @Test
  void machineThatRunsTheTestsIsReadyForTheCpu() {
    assertTrue(diagnosis.ok(), diagnosis.toString());
    assertEquals(List.of("java", "system", "cpu", "native library", "libtorch", "cuda toolkit", "nvidia driver", "cuda devices"),
        diagnosis.findings().stream().map(Finding::name).toList());
    assertTrue(finding("native library").details().keySet().containsAll(List.of("version", "build_id", "variant")));
    assertNotEquals("unknown version", finding("libtorch").details().get("version"));
  }

  @Test
  void everyLackHasAReasonAndAMeaning() {
    for (Finding finding : diagnosis.findings()) {
      assertFalse(finding.found().isBlank(), finding.toString());
      assertTrue(finding.status() == Finding.Status.OK || !finding.means().isBlank(), finding.toString());
    }
  }

  @Test
  void jsonIsForAMachine() {
    JsonNode json = new ObjectMapper().valueToTree(diagnosis);
    assertTrue(json.get("ok").isBoolean() && json.get("cuda").isBoolean());
    assertEquals("ok", json.get("findings").get(0).get("status").asText());
  }

  @Test
  void cudaThatIsNotThereIsRefusedWithTheReason() {
    assertEquals(Backend.CPU, Backend.CPU.forKernels());
    Assumptions.assumeFalse(diagnosis.cuda());
    assertEquals(Backend.CPU, Backend.AUTO.forKernels());
    String message = Assertions.assertThrows(ConfigException.class, Backend.CUDA::forKernels).getMessage();
    assertTrue(message.contains(finding("cuda devices").found()), message);
  }
}
