// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class MatchingStartTest {

  private static final int VOCAB = 64;
  private static final int HIDDEN = 32;
  private static final String EMBEDDINGS = "longformer.embeddings.word_embeddings.weight";
  private static final String LAYER = "longformer.encoder.layer.0.attention.self.";

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  private static Longformer model(int hidden) {
    return Longformer.create(LongformerConfig.of(VOCAB, hidden, 48, 2, 4, 8, 64, 3, 0, 2, 1), 3);
  }

  private static Decoder policy() {
    return Decoder.create(DecoderConfig.mistral(VOCAB, HIDDEN, 48, 2, 4, 2, 64, 0, 0, 2, 1), 4);
  }

  /** A policy that is opened as it is stored gives the start that it gives when it is widened first. */
  @Test
  void aPolicyInHalfPrecisionIsNotRoundedAgain(@TempDir Path dir) throws IOException {
    try (Decoder policy = policy()) {
      policy.save(dir, WeightFormat.of("bfloat16", WeightFormat.DEFAULT_SHARD_BYTES));
    }
    try (Longformer expected = model(HIDDEN); Decoder wide = Decoder.load(dir); Longformer found = model(HIDDEN);
        Decoder stored = Decoder.open(dir)) {
      MatchingStart.apply(expected, wide, 1);
      MatchingStart.apply(found, stored, 1);
      assertArrayEquals(Tensors.toFloats(expected.parameters().get(EMBEDDINGS)), Tensors.toFloats(found.parameters().get(EMBEDDINGS)));
    }
  }

  @Test
  void embeddingsAreThePolicysWithoutTheirMean() {
    try (Longformer model = model(HIDDEN); Decoder policy = policy()) {
      MatchingStart.apply(model, policy, 1);
      float[] from = Tensors.toFloats(policy.outputWeight());
      float[] to = Tensors.toFloats(model.parameters().get(EMBEDDINGS));
      double squares = 0;
      double dot = 0;
      double norm = 0;
      for (int d = 0; d < HIDDEN; d++) {
        double mean = 0;
        double sum = 0;
        for (int v = 0; v < VOCAB; v++) {
          mean += from[v * HIDDEN + d] / VOCAB;
          sum += to[v * HIDDEN + d];
        }
        assertEquals(0, sum, 1e-4, "dimension " + d);
        for (int v = 0; v < VOCAB; v++) {
          double centred = from[v * HIDDEN + d] - mean;
          dot += centred * to[v * HIDDEN + d];
          norm += centred * centred;
          squares += to[v * HIDDEN + d] * to[v * HIDDEN + d];
        }
      }
      assertEquals(1, dot / Math.sqrt(norm * squares), 1e-5, "the same directions");
      assertEquals(0.05, Math.sqrt(squares / to.length), 1e-3);
    }
  }

  /** Q = K = a multiple of an orthogonal matrix, so that the attention logit of two tokens is their similarity. */
  @Test
  void aTokenOfTheFirstLayerAttendsToItsOwnKind() {
    try (Longformer model = model(HIDDEN); Decoder policy = policy(); Scope scope = Scope.noGrad()) {
      MatchingStart.apply(model, policy, 1);
      Tensor query = model.parameters().get(LAYER + "query.weight").detach();
      Tensor key = model.parameters().get(LAYER + "key.weight").detach();
      float[] product = Tensors.toFloats(query.t().matmul(key));
      double scale = product[0];
      assertTrue(scale > 1);
      for (int i = 0; i < HIDDEN; i++) {
        for (int j = 0; j < HIDDEN; j++) {
          assertEquals(i == j ? scale : 0, product[i * HIDDEN + j], 1e-5 * scale);
        }
      }
    }
  }

  @Test
  void aSeedGivesTheSameWeightsAndTheSecondLayerIsLeftAlone() {
    try (Longformer a = model(HIDDEN); Longformer b = model(HIDDEN); Longformer fresh = model(HIDDEN); Decoder policy = policy()) {
      MatchingStart.apply(a, policy, 1);
      MatchingStart.apply(b, policy, 1);
      for (Map.Entry<String, Tensor> p : a.parameters().entrySet()) {
        assertArrayEquals(Tensors.toFloats(p.getValue()), Tensors.toFloats(b.parameters().get(p.getKey())), p.getKey());
        if (p.getKey().contains("layer.1.") || p.getKey().contains("classifier")) {
          assertArrayEquals(Tensors.toFloats(fresh.parameters().get(p.getKey())), Tensors.toFloats(p.getValue()), p.getKey());
        }
      }
    }
  }

  @Test
  void anotherWidthIsRefusedWithWhatToDo() {
    try (Longformer model = model(48); Decoder policy = policy()) {
      String message = assertThrows(IllegalArgumentException.class, () -> MatchingStart.apply(model, policy, 1)).getMessage();
      assertTrue(message.contains("[64, 32]") && message.contains("[64, 48]") && message.contains("hidden_size"), message);
    }
  }
}
