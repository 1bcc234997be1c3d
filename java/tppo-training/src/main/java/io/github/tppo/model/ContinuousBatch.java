// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.DecoderCache;
import io.github.tppo.kernels.DecoderRows;
import io.github.tppo.kernels.DecoderWeights;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.SampleTokensOptions;
import io.github.tppo.model.PromptQueue.Response;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Writes responses in the slots of one cache. When a response ends, its slot takes the next prompt, whose tokens go through the model in
 * the same call as the newest tokens of the others, as many as fit; so nobody waits for the longest response, and nothing runs that is not
 * needed. A new response first takes over what the cache has of the beginning of its prompt. Not thread safe.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class ContinuousBatch implements AutoCloseable {

  private final DecoderWeights weights;
  private final DecoderCache cache;
  private final DecoderRows rows;
  private final Tensor logitsMemory;
  private final NativeArray logits;
  private final NativeArray uniforms;
  private final NativeArray ids;
  private final NativeArray logprobs;
  private final DoubleBuffer uniformValues;
  private final IntBuffer idValues;
  private final FloatBuffer logprobValues;
  /** Who wrote the slot last; its keys and values stay usable when it is done. */
  private final Response[] slots;
  /** The slot of each output of a call. */
  private final int[] outputSlots;
  private int open;
  private long calls;
  private long rowCount;
  private long nativeNanos;

  /**
   * Allocates all that is needed.
   *
   * @param slots responses that are written side by side
   * @param capacity tokens of the longest prompt with its response, the last one left out
   * @param maxRows tokens in a call, at least {@code slots}
   */
  ContinuousBatch(DecoderWeights weights, int slots, int capacity, int maxRows) {
    this.weights = weights;
    this.slots = new Response[slots];
    this.outputSlots = new int[slots];
    this.rows = new DecoderRows(maxRows);
    this.uniforms = NativeArray.allocate(DType.F64, slots);
    this.ids = NativeArray.allocate(DType.I32, slots);
    this.logprobs = NativeArray.allocate(DType.F32, slots);
    this.uniformValues = uniforms.buffer().asDoubleBuffer();
    this.idValues = ids.buffer().asIntBuffer();
    this.logprobValues = logprobs.buffer().asFloatBuffer();
    this.cache = new DecoderCache(weights.shape(), slots, capacity);
    try (Scope scope = Scope.open()) {
      this.logitsMemory = Scope.own(Tensors.empty(ScalarType.Float, slots, weights.shape().vocabSize()));
    }
    this.logits = Tensors.view(logitsMemory);
  }

  /** Writes all responses of the queue. */
  void run(PromptQueue queue, SamplingOptions options, Set<Integer> endIds) {
    SampleTokensOptions sampling = new SampleTokensOptions(options.temperature(), options.topK(), options.topP());
    admit(queue);
    while (open > 0) {
      addRows(options);
      long start = System.nanoTime();
      Kernels.decoderForward(weights, cache, rows, logits, null);
      Kernels.sampleTokens(logits, rows.outputs(), weights.shape().vocabSize(), sampling, uniforms, ids, logprobs);
      nativeNanos += System.nanoTime() - start;
      calls++;
      rowCount += rows.size();
      takeTokens(queue, endIds);
      admit(queue);
    }
  }

  /** Calls of the model so far. */
  long calls() {
    return calls;
  }

  /** Tokens that went through the model. */
  long rowCount() {
    return rowCount;
  }

  /** Time in the kernels. */
  long nativeNanos() {
    return nativeNanos;
  }

  private boolean isFree(int slot) {
    return slots[slot] == null || slots[slot].done();
  }

  private void admit(PromptQueue queue) {
    for (int slot = 0; slot < slots.length && open < slots.length; slot++) {
      if (isFree(slot)) {
        Response next = queue.poll();
        if (next == null) {
          return;
        }
        takeOver(next, slot);
        slots[slot] = next;
        open++;
      }
    }
  }

  /** Copies the longest beginning of the prompt that any slot has; the slot's own need not be copied. */
  private void takeOver(Response next, int slot) {
    int from = slot;
    for (int other = 0; other < slots.length; other++) {
      int shared = slots[other] == null ? 0 : next.sharedWith(slots[other]);
      if (shared > next.cached || (shared == next.cached && other == slot)) {
        next.cached = shared;
        from = other;
      }
    }
    if (from != slot) {
      cache.copySlot(from, slot, next.cached);
    }
  }

  /** The next call: one token of each open response for sure, and more of prompts while there is room. */
  private void addRows(SamplingOptions options) {
    rows.clear();
    int spare = rows.capacity() - open;
    for (int slot = 0; slot < slots.length; slot++) {
      if (isFree(slot)) {
        continue;
      }
      Response response = slots[slot];
      int end = Math.min(response.length, response.cached + 1 + spare);
      spare -= end - response.cached - 1;
      for (; response.cached < end; response.cached++) {
        int output = rows.add(response.tokens[response.cached], slot, response.cached, response.cached == response.length - 1);
        if (output >= 0) {
          outputSlots[output] = slot;
          uniformValues.put(output, Philox.uniform(options.seed(), response.stream, response.newTokens()));
        }
      }
    }
  }

  private void takeTokens(PromptQueue queue, Set<Integer> endIds) {
    for (int output = 0; output < rows.outputs(); output++) {
      Response response = slots[outputSlots[output]];
      int id = idValues.get(output);
      if (id < 0) {
        throw new ArithmeticException("the model gives NaN for prompt " + response.index + " at new token " + response.newTokens()
            + "; its weights are not finite or training has diverged");
      }
      if (response.newTokens() == 0) {
        queue.release(response);
      }
      response.add(id, logprobValues.get(output), endIds.contains(id));
      open -= response.done() ? 1 : 0;
    }
  }

  @Override
  public void close() {
    cache.close();
    logitsMemory.close();
  }
}
