// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelVectorsTest {

  private static Path checkpoint(String name) throws URISyntaxException {
    return Path.of(ModelVectorsTest.class.getResource("/checkpoints/" + name).toURI());
  }

  @Test
  void referenceCheckpointsAgreeInEveryQuantity() throws Exception {
    for (String name : List.of("mistral", "llama_tied", "longformer")) {
      VerifyReport report = ModelVectors.verify(checkpoint(name), checkpoint(name).resolve("expected.safetensors"));
      assertTrue(report.ok(), name + ": " + report);
      int quantities = report.files().get(0).quantities().size();
      assertEquals(name.equals("mistral") ? 11 : name.equals("llama_tied") ? 10 : 4, quantities, name);
    }
  }

  @Test
  void otherWeightsAreReportedWithTheReason(@TempDir Path folder) throws IOException, URISyntaxException {
    Path model = checkpoint("mistral");
    Files.copy(model.resolve("config.json"), folder.resolve("config.json"));
    byte[] weights = Files.readAllBytes(model.resolve("model.safetensors"));
    // the highest byte of a float near the end of the file: its sign and exponent
    weights[weights.length - 40001] ^= (byte) 0x81;
    Files.write(folder.resolve("model.safetensors"), weights);
    VerifyReport report = ModelVectors.verify(folder, model.resolve("expected.safetensors"));
    assertFalse(report.ok());
    VerifyReport.Quantity wrong = report.files().get(0).quantities().stream().filter(q -> !q.ok()).findFirst().orElseThrow();
    assertNotNull(wrong.reason());
  }
}
