// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class AdamWTest {

  private static final AdamWOptions OPTIONS = AdamWOptions.defaults().withWeightDecay(0.1).withMaxGradNorm(1);

  private static Map<String, Tensor> parameters() {
    Map<String, Tensor> parameters = new LinkedHashMap<>();
    parameters.put("w", leaf(new float[] {1, -2, 3, 0.5f}, 2, 2));
    parameters.put("b", leaf(new float[] {0.1f, 0.2f}, 2));
    parameters.put("unused", leaf(new float[] {7}, 1, 1));
    return parameters;
  }

  private static Tensor leaf(float[] values, long... shape) {
    Tensor tensor = Tensors.of(values, shape);
    tensor.set_requires_grad(true);
    return tensor;
  }

  private static void setGradients(Map<String, Tensor> parameters, int step) {
    Autograd.gradient(parameters.get("w")).add_(Tensors.of(new float[] {3, -4, step, 0}, 2, 2));
    Autograd.gradient(parameters.get("b")).add_(Tensors.of(new float[] {1, -step}, 2));
  }

  @Test
  void stepsFollowTheFormulaWithClippingAndNoDecayOfVectors() {
    double[][] p = {{1, -2, 3, 0.5}, {0.1f, 0.2f}};
    double[][] m = {new double[4], new double[2]};
    double[][] v = {new double[4], new double[2]};
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> parameters = parameters();
      try (AdamW optimizer = new AdamW(parameters, OPTIONS)) {
        for (int step = 1; step <= 4; step++) {
          optimizer.zeroGrad();
          setGradients(parameters, step);
          StepResult result = optimizer.step(0.01);
          double[][] g = {{3, -4, step, 0}, {1, -step}};
          double norm = Math.sqrt(26 + 2.0 * step * step);
          assertEquals(norm, result.gradNorm(), 1e-5);
          assertTrue(result.applied() && result.clipped());
          for (int t = 0; t < 2; t++) {
            for (int i = 0; i < g[t].length; i++) {
              double clipped = g[t][i] / (norm + 1e-6);
              m[t][i] = 0.9 * m[t][i] + 0.1 * clipped;
              v[t][i] = 0.999 * v[t][i] + 0.001 * clipped * clipped;
              p[t][i] *= t == 0 ? 1 - 0.01 * 0.1 : 1;
              p[t][i] -= 0.01 / (1 - Math.pow(0.9, step)) * m[t][i]
                  / (Math.sqrt(v[t][i]) / Math.sqrt(1 - Math.pow(0.999, step)) + 1e-8);
            }
          }
          assertArrayEquals(p[0], Tensors.toDoubles(parameters.get("w")), 1e-5);
          assertArrayEquals(p[1], Tensors.toDoubles(parameters.get("b")), 1e-5);
        }
        assertEquals(7, Tensors.toFloats(parameters.get("unused"))[0], "no gradient, no decay");
      }
    }
  }

  @Test
  void aGradientThatIsNotFiniteChangesNothing() {
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> parameters = parameters();
      try (AdamW optimizer = new AdamW(parameters, OPTIONS)) {
        Autograd.gradient(parameters.get("b")).add_(Tensors.of(new float[] {1, Float.NaN}, 2));
        setGradients(parameters, 1);
        assertFalse(optimizer.step(0.01).applied());
        assertArrayEquals(new float[] {1, -2, 3, 0.5f}, Tensors.toFloats(parameters.get("w")));
      }
    }
  }

  /** A step that is refused counts for nothing, and so do counts that no run can have written. */
  @Test
  void aWrongLearningRateAndWrongCountsChangeNothing(@TempDir Path folder) throws IOException {
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> parameters = parameters();
      setGradients(parameters, 1);
      try (AdamW optimizer = new AdamW(parameters, OPTIONS); AdamW other = new AdamW(parameters, OPTIONS)) {
        assertThrows(IllegalArgumentException.class, () -> optimizer.step(Double.NaN));
        assertThrows(IllegalArgumentException.class, () -> optimizer.step(-1));
        optimizer.save(folder.resolve("refused"));
        other.save(folder.resolve("new"));
        assertEquals(-1, Files.mismatch(folder.resolve("refused"), folder.resolve("new")));

        Map<String, Tensor> state = new LinkedHashMap<>();
        SafeTensors saved = SafeTensors.open(folder.resolve("new"));
        for (String name : saved.names()) {
          state.put(name, saved.read(name));
        }
        state.put("steps", Tensors.of(new long[] {1, -1, 1}, 3));
        SafeTensorsWriter.write(folder.resolve("negative"), state);
        IOException e = assertThrows(IOException.class, () -> optimizer.load(folder.resolve("negative")));
        assertTrue(e.getMessage().contains("\"steps\" holds -1"), e.getMessage());
      }
    }
  }

  @Test
  void savedStateContinuesToTheSameBits(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("optimizer.safetensors");
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> one = parameters();
      Map<String, Tensor> two = parameters();
      try (AdamW a = new AdamW(one, OPTIONS); AdamW b = new AdamW(two, OPTIONS)) {
        setGradients(one, 1);
        setGradients(two, 1);
        a.step(0.01);
        a.save(file);
        b.step(0.01);
        b.zeroGrad();
        setGradients(two, 5);
        b.step(0.5);
        b.load(file);
        try (Scope inner = Scope.noGrad()) {
          two.get("w").copy_(one.get("w"));
          two.get("b").copy_(one.get("b"));
        }
        for (Map<String, Tensor> map : List.of(one, two)) {
          Autograd.zeroGradients(map.values());
          setGradients(map, 2);
        }
        a.step(0.02);
        b.step(0.02);
        assertArrayEquals(Tensors.toFloats(one.get("w")), Tensors.toFloats(two.get("w")));
        assertArrayEquals(Tensors.toFloats(one.get("b")), Tensors.toFloats(two.get("b")));
      }
      try (AdamW other = new AdamW(Map.of("w", one.get("w")), OPTIONS)) {
        assertThrows(IOException.class, () -> other.load(file));
      }
    }
  }
}
