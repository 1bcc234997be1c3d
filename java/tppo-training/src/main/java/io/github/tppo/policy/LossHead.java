// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.Logits;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * From hidden states to token losses and back, in chunks of whole sequences: the logits of a chunk are made, a kernel
 * turns them into the gradient in place, and the gradient is carried on to the hidden states and the output matrix.
 * A [tokens, vocabulary] tensor never lives longer than its chunk (INVARIANTS 19).
 */
final class LossHead {
  /** Logits in a chunk: 8 million floats are 32 MB. */
  private static final long CHUNK_ELEMENTS = 8L << 20;

  private LossHead() {}

  /** A kernel on a chunk of logits. */
  @FunctionalInterface
  interface ChunkKernel {
    /**
     * Handles the packed tokens {@code [firstToken, firstToken + tokens)}, which are the whole sequences
     * {@code [firstSequence, endSequence)}; with a backward pass it leaves d loss / d logits in {@code logits}.
     */
    void apply(Logits logits, int firstToken, int tokens, int firstSequence, int endSequence);
  }

  /**
   * Forward only.
   *
   * @param rows hidden states of the scored tokens, [tokens, H]
   * @param outputWeight [V, H]
   * @param cuSeqlens bounds of the sequences in the rows
   */
  static void forward(Tensor rows, Tensor outputWeight, int[] cuSeqlens, ChunkKernel kernel) {
    forward(rows, outputWeight, cuSeqlens, CHUNK_ELEMENTS, kernel);
  }

  /** As above, with at most {@code chunkElements} logits in a chunk of more than one sequence. */
  static void forward(Tensor rows, Tensor outputWeight, int[] cuSeqlens, long chunkElements, ChunkKernel kernel) {
    Tensor x = rows.detach();
    Tensor weight = outputWeight.detach();
    Tensor transposed = weight.t();
    forEachChunk(cuSeqlens, Math.max(1, chunkElements / weight.size(0)), (first, tokens, from, to) -> {
      try (Scope scope = Scope.open()) {
        Tensor logits = x.narrow(0, first, tokens).matmul(transposed);
        kernel.apply(Logits.of(Tensors.view(logits), weight.size(0)), first, tokens, from, to);
      }
    });
  }

  /**
   * Forward and backward: gradients are added to those of the trunk's parameters and of the output matrix.
   *
   * @param rows hidden states of the scored tokens with their autograd history, [tokens, H]
   */
  static void backward(Tensor rows, Tensor outputWeight, int[] cuSeqlens, ChunkKernel kernel) {
    backward(rows, outputWeight, cuSeqlens, CHUNK_ELEMENTS, kernel);
  }

  /** As above, with at most {@code chunkElements} logits in a chunk of more than one sequence. */
  static void backward(Tensor rows, Tensor outputWeight, int[] cuSeqlens, long chunkElements, ChunkKernel kernel) {
    Tensor x = rows.detach();
    Tensor weight = outputWeight.detach();
    Tensor transposed = weight.t();
    Tensor rowsGradient = Tensors.empty(ScalarType.Float, x.size(0), x.size(1));
    Tensor weightGradient = Tensors.zeros(ScalarType.Float, weight.size(0), weight.size(1));
    forEachChunk(cuSeqlens, Math.max(1, chunkElements / weight.size(0)), (first, tokens, from, to) -> {
      try (Scope scope = Scope.open()) {
        Tensor chunk = x.narrow(0, first, tokens);
        Tensor logits = chunk.matmul(transposed);
        kernel.apply(Logits.of(Tensors.view(logits), weight.size(0)), first, tokens, from, to);
        rowsGradient.narrow(0, first, tokens).copy_(logits.matmul(weight));
        weightGradient.add_(logits.t().matmul(chunk));
      }
    });
    Autograd.backward(rows, rowsGradient);
    Autograd.accumulate(outputWeight, weightGradient);
  }

  private interface Chunk {
    void apply(int firstToken, int tokens, int firstSequence, int endSequence);
  }

  private static void forEachChunk(int[] cuSeqlens, long most, Chunk chunk) {
    int sequences = cuSeqlens.length - 1;
    for (int from = 0; from < sequences; ) {
      int to = from + 1; // at least one sequence, however long
      while (to < sequences && cuSeqlens[to + 1] - cuSeqlens[from] <= most) {
        to++;
      }
      int tokens = cuSeqlens[to] - cuSeqlens[from];
      if (tokens > 0) {
        chunk.apply(cuSeqlens[from], tokens, from, to);
      }
      from = to;
    }
  }
}
