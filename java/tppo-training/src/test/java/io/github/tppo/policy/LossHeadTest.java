// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.PeakMemory;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.NllLossOptions;
import io.github.tppo.kernels.NllLossOutputs;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.TokenLogProbsOptions;
import io.github.tppo.kernels.TokenLogProbsOutputs;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class LossHeadTest {
  private static final List<Sequence> DATA = TinyPolicies.sequences(5, 7, 1, 4, 0, 9);
  /** Tokens in a chunk: as the kernel likes, less than there are, more than there are. */
  private static final long[] CHUNKS = {0, 16, 1000};

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void lossAndGradientsEqualAutogradOfLogSoftmax(boolean tied) {
    try (Decoder policy = TinyPolicies.create(TinyPolicies.VOCAB, tied, 1)) {
      double[] expectedLoss = new double[1];
      Map<String, float[]> expected = autograd(policy, expectedLoss);
      for (long chunk : CHUNKS) {
        double[] loss = new double[1];
        Autograd.zeroGradients(policy.parameters().values());
        Map<String, float[]> found = kernel(policy, chunk, loss);
        assertEquals(expectedLoss[0], loss[0], 1e-5 * Math.abs(expectedLoss[0]));
        assertEquals(expected.keySet(), found.keySet());
        for (String name : expected.keySet()) {
          assertClose(expected.get(name), found.get(name), name + ", chunks of " + chunk);
        }
      }
    }
  }

  /** Micro-batches add up in the memory of the gradients, also where the matrix is the embedding too (INVARIANTS 19). */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void gradientsAreAddedWhereTheyLie(boolean tied) {
    try (Decoder policy = TinyPolicies.create(TinyPolicies.VOCAB, tied, 1); Scope scope = Scope.open()) {
      assertFalse(Autograd.hasGradient(policy.outputWeight()));
      Map<String, float[]> once = kernel(policy, 0, new double[1]);
      long address = Tensors.view(Autograd.gradient(policy.outputWeight())).address();
      Map<String, float[]> twice = kernel(policy, 0, new double[1]);
      assertEquals(address, Tensors.view(Autograd.gradient(policy.outputWeight())).address());
      for (String name : once.keySet()) {
        float[] doubled = once.get(name).clone();
        for (int i = 0; i < doubled.length; i++) {
          doubled[i] *= 2;
        }
        assertClose(doubled, twice.get(name), name);
      }
    }
  }

  /** The logits of one long sequence would take 256 MB, those of a chunk take 32. */
  @Test
  void aLongSequenceHasNoWholeLogits() throws IOException {
    int tokens = 8192;
    int vocab = 8192;
    int hidden = 8;
    try (Scope scope = Scope.withGrad()) {
      Tensor rows = Tensors.zeros(ScalarType.Float, tokens, hidden).set_requires_grad(true);
      Tensor weight = Tensors.zeros(ScalarType.Float, vocab, hidden).set_requires_grad(true);
      NativeArray targets = NativeArray.allocate(DType.I64, tokens);
      long grown = PeakMemory.of(() -> {
        double loss = LossHead.backward(rows, weight, layer -> Kernels.linearNllLoss(TokenLayout.flat(tokens), layer, targets, null,
            NllLossOptions.defaults(), NllLossOutputs.none())).loss();
        assertEquals(Math.log(vocab), loss, 1e-5);
      });
      assertTrue(grown < 96L << 20, "grew by " + grown + " bytes");
    }
  }

  @Test
  void forwardScoresEqualLogSoftmaxForAnyChunk() {
    try (Decoder policy = TinyPolicies.create(3); Scope scope = Scope.noGrad()) {
      SequenceBatch batch = SequenceBatch.ofResponses(DATA);
      Tensor rows = batch.scoredRows(policy.hidden(batch.inputIds(TinyPolicies.PAD), batch.attentionMask()));
      Tensor all = rows.matmul(policy.outputWeight().t()).div(new Scalar(0.7)).log_softmax(1);
      float[] expected = Tensors.toFloats(all.gather(1, Tensors.of(batch.targets(), batch.tokens(), 1)));
      float[] entropy = Tensors.toFloats(all.exp().mul(all).sum(1).neg());
      for (long chunk : CHUNKS) {
        NativeArray targets = NativeArray.ofLongs(batch.targets());
        NativeArray logprobs = NativeArray.allocate(DType.F32, batch.tokens());
        NativeArray entropies = NativeArray.allocate(DType.F32, batch.tokens());
        LossHead.forward(rows, policy.outputWeight(), layer ->
            Kernels.linearTokenLogProbs(TokenLayout.flat(batch.tokens()), layer.withChunkTokens(chunk), targets,
                TokenLogProbsOptions.defaults().withTemperature(0.7), new TokenLogProbsOutputs(logprobs, entropies)));
        assertClose(expected, logprobs.toFloats(), "logprobs");
        assertClose(entropy, entropies.toFloats(), "entropies");
      }
    }
  }

  /** The output matrix of a base model that is mapped from a bfloat16 checkpoint. */
  @Test
  void aMatrixStoredInBfloat16ScoresAsItsFloat32Values() {
    try (Decoder policy = TinyPolicies.create(3); Scope scope = Scope.noGrad()) {
      SequenceBatch batch = SequenceBatch.ofResponses(DATA);
      Tensor rows = batch.scoredRows(policy.hidden(batch.inputIds(TinyPolicies.PAD), batch.attentionMask()));
      Tensor narrow = policy.outputWeight().detach().to(ScalarType.BFloat16);
      NativeArray targets = NativeArray.ofLongs(batch.targets());
      NativeArray[] found = {NativeArray.allocate(DType.F32, batch.tokens()), NativeArray.allocate(DType.F32, batch.tokens())};
      Tensor[] weights = {narrow, narrow.to(ScalarType.Float)};
      for (int i = 0; i < 2; i++) {
        NativeArray logprobs = found[i];
        LossHead.forward(rows, weights[i], layer -> Kernels.linearTokenLogProbs(TokenLayout.flat(batch.tokens()), layer, targets,
            TokenLogProbsOptions.defaults(), new TokenLogProbsOutputs(logprobs, null)));
      }
      assertArrayEquals(found[1].toFloats(), found[0].toFloats());
    }
  }

  /** One of the responses is empty: alone in its batch it must be inert (INVARIANTS 2, 11). */
  @Test
  void scorerDoesNotDependOnItsBatches() {
    try (Decoder policy = TinyPolicies.create(3)) {
      PolicyScorer.Scores together = PolicyScorer.score(policy, TinyPolicies.PAD, DATA, 1, 64);
      PolicyScorer.Scores alone = PolicyScorer.score(policy, TinyPolicies.PAD, DATA, 1, 1);
      assertClose(together.logprobs(), alone.logprobs(), "logprobs");
      assertClose(together.entropies(), alone.entropies(), "entropies");
    }
  }

  /** Logits of all positions would take 512 MB, those of the responses 128, those of a chunk 32 (INVARIANTS 19). */
  @Test
  void scorerHasNoLogitsOfPromptsNorAllOfResponses() throws IOException {
    int vocab = 16384;
    List<Sequence> sequences = new ArrayList<>();
    for (int i = 0; i < 32; i++) {
      sequences.add(new Sequence(new int[192], new int[64]));
    }
    try (Decoder policy = TinyPolicies.create(vocab, true, 1)) {
      long grown = PeakMemory.of(() ->
          assertEquals(32 * 64, PolicyScorer.score(policy, TinyPolicies.PAD, sequences, 1, 32).logprobs().length));
      assertTrue(grown < 96L << 20, "grew by " + grown + " bytes");
    }
  }

  /** Weights that differ between tokens, so that no two tokens can be exchanged unseen. */
  private static float[] weights(int tokens) {
    float[] weights = new float[tokens];
    for (int i = 0; i < tokens; i++) {
      weights[i] = 0.25f + i % 5;
    }
    return weights;
  }

  /** Adds to the gradients that are there. */
  private static Map<String, float[]> kernel(Decoder policy, long chunk, double[] loss) {
    try (Scope scope = Scope.withGrad()) {
      SequenceBatch batch = SequenceBatch.ofResponses(DATA);
      NativeArray targets = NativeArray.ofLongs(batch.targets());
      NativeArray weights = NativeArray.ofFloats(weights(batch.tokens()));
      NllLossOptions options = NllLossOptions.defaults().withNormalizer(10);
      Tensor rows = batch.scoredRows(policy.hidden(batch.inputIds(TinyPolicies.PAD), batch.attentionMask()));
      loss[0] = LossHead.backward(rows, policy.outputWeight(), layer -> Kernels.linearNllLoss(
          TokenLayout.flat(batch.tokens()), layer.withChunkTokens(chunk), targets, weights, options, NllLossOutputs.none()).loss());
    }
    return gradients(policy);
  }

  private static Map<String, float[]> autograd(Decoder policy, double[] loss) {
    Autograd.zeroGradients(policy.parameters().values());
    try (Scope scope = Scope.withGrad()) {
      SequenceBatch batch = SequenceBatch.ofResponses(DATA);
      Tensor rows = batch.scoredRows(policy.hidden(batch.inputIds(TinyPolicies.PAD), batch.attentionMask()));
      Tensor logprobs = rows.matmul(policy.outputWeight().t()).log_softmax(1)
          .gather(1, Tensors.of(batch.targets(), batch.tokens(), 1)).reshape(-1);
      Tensor sum = logprobs.mul(Tensors.of(weights(batch.tokens()), batch.tokens())).sum()
          .mul(new Scalar(-0.1));
      Autograd.backward(sum, Tensors.of(new float[] {1}));
      loss[0] = sum.item_double();
    }
    return gradients(policy);
  }

  private static Map<String, float[]> gradients(Decoder policy) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      policy.parameters().forEach((name, tensor) -> gradients.put(name, Tensors.toFloats(tensor.grad())));
    }
    return gradients;
  }

  private static void assertClose(float[] expected, float[] found, String name) {
    assertEquals(expected.length, found.length, name);
    double largest = 1e-6;
    for (float e : expected) {
      largest = Math.max(largest, Math.abs(e));
    }
    for (int i = 0; i < expected.length; i++) {
      assertTrue(Math.abs(expected[i] - found[i]) <= 2e-5 * largest, name + "[" + i + "]: " + expected[i] + ", found " + found[i]);
    }
  }
}
