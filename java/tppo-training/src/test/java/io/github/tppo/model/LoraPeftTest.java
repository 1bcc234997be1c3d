// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Adapters against PEFT; {@code make_fixture.py} beside the expected numbers says how these were made. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class LoraPeftTest {

  private static final int VOCAB = 50;
  private static final String MERGED = "model.layers.1.self_attn.o_proj";
  /** Sums of f32 in another order. */
  private static final float TOLERANCE = 2e-5f;

  @TempDir
  Path dir;

  private static Path folder(String name) {
    try {
      return Path.of(LoraPeftTest.class.getResource("/lora/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The script's formula. */
  private static void fill(Tensor tensor, int number, double middle, double width) {
    float[] values = new float[(int) tensor.numel()];
    for (int i = 0; i < values.length; i++) {
      double u = (i * 40503L + number * 30011L + 12345) % 65536 / 32768.0 - 1;
      values[i] = (float) (middle + width * u);
    }
    tensor.detach().copy_(Tensors.of(values, Tensors.shape(tensor)));
  }

  private static Decoder base() {
    Decoder model = Decoder.create(Fixtures.tiny(), 1);
    try (Scope scope = Scope.noGrad()) {
      int number = 0;
      for (Tensor tensor : new TreeMap<>(model.parameters()).values()) {
        boolean norm = tensor.dim() == 1;
        fill(tensor, number++, norm ? 1 : 0, norm ? 0.2 : 0.4);
      }
    }
    return model;
  }

  private static Decoder adapted(Path folder) throws IOException {
    AdapterConfig config = AdapterConfig.read(folder.resolve(AdapterConfig.FILE_NAME));
    try (Decoder base = base(); Scope scope = Scope.noGrad()) {
      Decoder model = base.adapted(Lora.create(config, base.config(), 1, 0));
      int number = 100;
      for (Tensor tensor : new TreeMap<>(model.trainable()).values()) {
        fill(tensor, number++, 0, 0.3);
      }
      return model;
    }
  }

  private static Tensor ids() {
    return Tensors.ids(IntStream.range(0, 16).map(i -> (i * 7 + 3) % 47 + 3).toArray(), 2, 8);
  }

  private static Tensor logits(Decoder model) {
    return model.hidden(ids(), null).matmul(model.outputWeight().t());
  }

  private static Tensor loss(Tensor logits) {
    long[] targets = Tensors.toLongs(ids().narrow(1, 1, 7).contiguous());
    for (int i = 0; i < targets.length; i++) {
      targets[i] = i % 7 < 2 ? -100 : targets[i];
    }
    return torch.cross_entropy_loss(logits.narrow(1, 0, 7).reshape(-1, VOCAB), Tensors.of(targets, targets.length));
  }

  private static void assertNear(SafeTensors expected, String name, Tensor found) throws IOException {
    assertArrayEquals(Tensors.toFloats(expected.read(name)), Tensors.toFloats(found), TOLERANCE, name);
  }

  private static void assertAllNear(SafeTensors expected, String prefix, Map<String, Tensor> found) throws IOException {
    assertEquals(expected.names().stream().filter(name -> name.startsWith(prefix)).count(), found.size());
    for (Map.Entry<String, Tensor> tensor : found.entrySet()) {
      assertNear(expected, prefix + tensor.getKey(), tensor.getValue());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "patterns", "all"})
  void logitsLossGradientsAndThreeStepsAreThoseOfPeft(String name) throws IOException {
    SafeTensors expected = SafeTensors.open(folder(name).resolve("expected.safetensors"));
    AdamWOptions options = new AdamWOptions(0.9, 0.999, 1e-8, 0.01, 0, false);
    try (Decoder model = adapted(folder(name)); AdamW optimizer = new AdamW(model.trainable(), options)) {
      for (int step = 0; step < 3; step++) {
        try (Scope scope = Scope.withGrad()) {
          optimizer.zeroGrad();
          Tensor logits = logits(model);
          Tensor loss = loss(logits);
          Autograd.backward(loss, torch.ones_like(loss));
          if (step == 0) {
            assertNear(expected, "logits", logits);
            assertNear(expected, "loss", loss);
            Map<String, Tensor> gradients = new TreeMap<>();
            model.trainable().forEach((key, tensor) -> gradients.put(key, tensor.grad()));
            assertAllNear(expected, "grad.", gradients);
          }
          optimizer.step(1e-2);
        }
        if (step != 1) {
          assertAllNear(expected, "step" + (step + 1) + ".", model.trainable());
        }
      }
      try (Scope scope = Scope.noGrad()) {
        assertNear(expected, "trained.logits", logits(model));
        model.merge();
        assertNear(expected, "merged.logits", logits(model));
        assertNear(expected, "merged." + MERGED, model.parameters().get(MERGED + ".weight"));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "patterns", "all"})
  void anAdapterFolderReadsBackAsItIs(String name) throws IOException {
    try (Decoder model = adapted(folder(name)); Decoder base = model.base(); Scope scope = Scope.noGrad()) {
      model.lora().save(dir);
      assertEquals(model.lora().config(), AdapterConfig.read(dir.resolve(AdapterConfig.FILE_NAME)));
      Files.copy(folder(name).resolve(AdapterConfig.FILE_NAME), dir.resolve(AdapterConfig.FILE_NAME),
          StandardCopyOption.REPLACE_EXISTING);
      try (Decoder loaded = base.adapted(Lora.load(dir, base.config()))) {
        assertArrayEquals(Tensors.toFloats(logits(model)), Tensors.toFloats(logits(loaded)));
        assertTrue(loaded.trainable().isEmpty(), "what was trained elsewhere is not trained further");
      }
    }
  }
}
