// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.model.AdapterConfig;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.Lora;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeCommandTest extends CommandTest {
  @TempDir
  Path dir;

  private int merge(Path model, Path adapter, Path out) {
    return tppo("checkpoint", "merge", model, "--dtype", "float32", "--adapter", adapter, "--out", out);
  }

  @Test
  void writesACheckpointOrNamesWhatIsWrong() throws Exception {
    Path model = dir.resolve("model");
    Path adapter = dir.resolve("adapter");
    Path out = dir.resolve("out");
    try (Decoder decoder = Decoder.create(DecoderConfig.mistral(50, 16, 24, 2, 4, 2, 64, 0, 0, 2, 1), 1);
        Lora lora = Lora.create(AdapterConfig.of(2, 4, false, List.of("q_proj")), decoder.config(), 1, 0)) {
      decoder.save(model);
      lora.save(adapter);
    }
    assertEquals(0, merge(model, adapter, out), () -> stderr);
    Decoder.load(out).close();
    assertEquals(2, merge(model, adapter, out));
    assertTrue(stderr.contains("--out " + out), stderr);
    Files.delete(adapter.resolve(Lora.FILE_NAME));
    assertEquals(1, merge(model, adapter, dir.resolve("other")));
    assertTrue(stderr.contains("adapter_model.safetensors: no such file"), stderr);
    assertTrue(Files.notExists(dir.resolve("other")));
  }
}
