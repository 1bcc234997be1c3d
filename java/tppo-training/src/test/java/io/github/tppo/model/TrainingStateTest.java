// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class TrainingStateTest {

  @TempDir
  Path dir;

  private static void step(Decoder model, AdamW optimizer) {
    try (Scope scope = Scope.withGrad()) {
      optimizer.zeroGrad();
      Tensor hidden = model.hidden(Tensors.ids(new int[] {3, 4, 5, 6}, 1, 4), null);
      Autograd.backward(hidden.mul(hidden).mul(hidden).sum(), Tensors.of(new float[] {1}));
      optimizer.step(1e-2);
    }
  }

  private static AdamW optimizer(Decoder model) {
    return new AdamW(model.parameters(), new AdamWOptions(0.9, 0.999, 1e-8, 0.01, 1.0, false));
  }

  @Test
  void goingOnFromTheFilesGivesTheSameBits() throws IOException {
    try (Decoder a = Decoder.create(Fixtures.tiny(), 1); AdamW first = optimizer(a);
        Decoder b = Decoder.create(Fixtures.tiny(), 2); AdamW second = optimizer(b)) {
      step(a, first);
      step(a, first);
      TrainingState.save(dir, a.parameters(), first);
      step(b, second); // whatever was there before is gone
      TrainingState.load(dir, b.parameters(), second);
      for (int i = 0; i < 3; i++) {
        step(a, first);
        step(b, second);
      }
      for (Map.Entry<String, Tensor> p : a.parameters().entrySet()) {
        assertArrayEquals(Tensors.toFloats(p.getValue()), Tensors.toFloats(b.parameters().get(p.getKey())), p.getKey());
      }
    }
  }

  @Test
  void anotherModelsStateOrATornFileIsRefused() throws IOException {
    try (Decoder a = Decoder.create(Fixtures.tiny(), 1); AdamW first = optimizer(a);
        Decoder wide = Decoder.create(DecoderConfig.mistral(50, 32, 24, 2, 4, 2, 64, 0, 0, 2, 1), 1);
        AdamW other = optimizer(wide)) {
      TrainingState.save(dir, a.parameters(), first);
      assertThrows(IllegalArgumentException.class, () -> TrainingState.load(dir, wide.parameters(), other));
      Path file = dir.resolve("optimizer.safetensors");
      byte[] bytes = Files.readAllBytes(file);
      Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length - 4));
      assertThrows(IOException.class, () -> TrainingState.load(dir, a.parameters(), first));
    }
  }
}
