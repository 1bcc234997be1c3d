// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.model.SafeTensors;
import io.github.tppo.model.SafeTensorsWriter;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.verify.VerifyReport.Quantity;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class LongformerVectorsTest {

  private static final Path MODEL = Path.of("src/test/resources/checkpoints/longformer");
  private static final Path EXPECTED = MODEL.resolve("expected.safetensors");

  @Test
  void theLogitsOfEveryCaseAreComparedAndNoInput() throws IOException {
    VerifyReport report = LongformerVectors.verify(MODEL, EXPECTED);
    assertTrue(report.ok(), report::toString);
    List<Quantity> quantities = report.files().get(0).quantities();
    assertEquals(List.of("left_logits", "long_logits", "noglobal_logits", "right_logits"),
        quantities.stream().map(Quantity::name).sorted().toList());
    assertTrue(quantities.stream().allMatch(q -> q.n() > 0 && q.maxAbs() < 5e-5), quantities::toString);
  }

  @Test
  void aWrongLogitIsReportedWithItsElement(@TempDir Path folder) throws IOException {
    Path file = Files.copy(EXPECTED, folder.resolve("expected.safetensors"));
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.seek(SafeTensors.open(file).entry("long_logits").offset() + 5 * Float.BYTES);
      bytes.writeInt(Integer.reverseBytes(Float.floatToIntBits(7)));
    }
    VerifyReport report = LongformerVectors.verify(MODEL, file);
    assertFalse(report.ok());
    Quantity wrong = report.files().get(0).quantities().stream().filter(q -> !q.ok()).findFirst().orElseThrow();
    assertEquals("long_logits", wrong.name());
    assertTrue(wrong.reason().startsWith("element 5: expected 7.0"), wrong::reason);
  }

  @Test
  void whatCannotBeComparedIsListedWithTheReason(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("expected.safetensors");
    try (Scope scope = Scope.noGrad()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      tensors.put("a_logits", Tensors.of(new float[6], 1, 2, 3));
      tensors.put("b_input_ids", Tensors.of(new long[] {5, 5000}, 1, 2));
      tensors.put("b_logits", Tensors.of(new float[6], 1, 2, 3));
      tensors.put("c_hidden", Tensors.of(new float[1], 1));
      SafeTensorsWriter.write(file, tensors);
    }
    VerifyReport report = LongformerVectors.verify(MODEL, file);
    assertFalse(report.ok());
    List<Quantity> quantities = report.files().get(0).quantities();
    assertEquals(List.of("a_logits", "b_logits", "c_hidden"), quantities.stream().map(Quantity::name).sorted().toList());
    assertTrue(quantities.stream().noneMatch(Quantity::ok));
    assertTrue(quantities.stream().allMatch(q -> q.reason().startsWith("not compared: ")), quantities::toString);
  }
}
