// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.kernels.DecoderCache;
import io.github.tppo.kernels.DecoderWeights;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.PromptQueue.Response;
import io.github.tppo.run.Check;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * Writes responses with a key/value cache, many at a time. Prompts of any lengths share a batch without padding, a response that ends makes
 * room for the next prompt, and the output layer runs at the last position only.
 *
 * <p>The kernels' sums do not depend on what else is in a call, and random numbers are Philox(seed, stream id, position): so ids and
 * log-probs are the same bits whatever batch, order or number of threads ({@link io.github.tppo.kernels.Kernels#setThreads}).
 *
 * <p>Weights are read where they lie at each call. Several threads may generate at once as long as nobody changes the weights, and get the same
 * bits as alone.
 */
public final class Generator {

  /** Responses that are written side by side, unless their number is given or their keys and values take too much memory. */
  public static final int DEFAULT_BATCH = 64;
  /** Most bytes of keys and values, unless the number of responses side by side is given. */
  public static final long DEFAULT_CACHE = 1L << 30;
  /**
   * Bytes of weights that stay in a processor's caches, so that reading them again costs next to nothing. Then more responses side by side
   * than {@link #SMALL_MODEL_RESPONSES} for each thread only take the caches from their keys and values.
   */
  private static final long SMALL_MODEL = 16L << 20;
  private static final int SMALL_MODEL_RESPONSES = 8;
  /** Tokens in a call of the model unless the batch asks for more: enough that reading the weights does not count. */
  private static final int ROWS = 512;

  private final Decoder decoder;
  private final Set<Integer> endIds;
  private final int batchSize;
  private final long cacheBytes;
  private final int maxRows;
  private Counts counts = new Counts(0, 0, 0, 0, 0);

  /**
   * Makes a generator that writes up to {@value #DEFAULT_BATCH} responses side by side, fewer where the model is large.
   *
   * @param endIds tokens of which each ends a response; may be empty
   */
  public Generator(Decoder decoder, Set<Integer> endIds) {
    this(Objects.requireNonNull(decoder, "decoder"),
        Set.copyOf(Check.list("endIds", new ArrayList<>(Objects.requireNonNull(endIds, "endIds")))), DEFAULT_BATCH, DEFAULT_CACHE, ROWS);
  }

  /**
   * Makes such a generator with one token that ends a response.
   *
   * @param eosId -1 = none
   */
  public Generator(Decoder decoder, int eosId) {
    this(decoder, eosId < 0 ? Set.of() : Set.of(eosId));
  }

  private Generator(Decoder decoder, Set<Integer> endIds, int batchSize, long cacheBytes, int maxRows) {
    this.decoder = decoder;
    this.endIds = endIds;
    this.batchSize = batchSize;
    this.cacheBytes = cacheBytes;
    this.maxRows = maxRows;
  }

  /**
   * A generator that writes up to so many responses side by side, whatever memory their keys and values take; fewer where that is faster.
   *
   * @param batchSize at least 1
   */
  public Generator withBatchSize(int batchSize) {
    if (batchSize < 1) {
      throw new IllegalArgumentException("batchSize must be at least 1, is " + batchSize);
    }
    return new Generator(decoder, endIds, batchSize, Long.MAX_VALUE, Math.max(ROWS, batchSize));
  }

  /** A generator whose calls of the model take so many tokens, at least as many as responses are written side by side. */
  Generator withRows(int rows) {
    return new Generator(decoder, endIds, batchSize, cacheBytes, Math.max(rows, batchSize));
  }

  /** A generator with fewer responses side by side where their keys and values would take more, but one at least. */
  Generator withCache(long bytes) {
    return new Generator(decoder, endIds, batchSize, bytes, maxRows);
  }

  /**
   * What a generator has done so far.
   *
   * @param calls of the model
   * @param rows tokens that went through the model: those of prompts, as far as they were not copied from equal beginnings, and new ones
   * @param newTokens tokens chosen
   * @param nanos time in {@link #generate}
   * @param nativeNanos of that, time in the kernels
   */
  public record Counts(long calls, long rows, long newTokens, long nanos, long nativeNanos) {

    /** What has been done since an earlier count. */
    public Counts since(Counts before) {
      return new Counts(calls - before.calls, rows - before.rows, newTokens - before.newTokens, nanos - before.nanos,
          nativeNanos - before.nativeNanos);
    }

    private Counts plus(Counts more) {
      return more.since(new Counts(-calls, -rows, -newTokens, -nanos, -nativeNanos));
    }
  }

  /** Returns what this generator has done so far, calls of all threads added up. */
  public synchronized Counts counts() {
    return counts;
  }

  private synchronized void add(Counts more) {
    counts = counts.plus(more);
  }

  /**
   * Generates one response for each prompt.
   *
   * @param prompts token ids, none empty
   * @param streamIds stream of random numbers of each prompt; equal ids give equal choices on equal prompts
   * @return responses in the order of the prompts
   * @throws IllegalArgumentException when a prompt is empty or holds an id that is not in the vocabulary, or leaves no room for the longest
   *     response in the positions that the model has ({@link DecoderConfig#maxPositions})
   * @throws IllegalStateException when the model is closed
   * @throws ArithmeticException when the model's logits are not finite
   */
  public List<Generated> generate(List<int[]> prompts, long[] streamIds, SamplingOptions options) {
    long start = System.nanoTime();
    Objects.requireNonNull(prompts, "prompts");
    Objects.requireNonNull(streamIds, "streamIds");
    Objects.requireNonNull(options, "options");
    if (streamIds.length != prompts.size()) {
      throw new IllegalArgumentException(streamIds.length + " stream ids for " + prompts.size() + " prompts");
    }
    List<Response> responses = new ArrayList<>();
    int capacity = 1;
    for (int i = 0; i < prompts.size(); i++) {
      check(prompts.get(i), i, options.maxNewTokens());
      Response response = new Response(i, prompts.get(i), streamIds[i], options.maxNewTokens());
      responses.add(response);
      // the last token chosen needs no place
      capacity = Math.max(capacity, response.tokens.length - 1);
    }
    if (!responses.isEmpty()) {
      DecoderWeights weights = KernelWeights.of(decoder);
      long fitting = Math.max(1, cacheBytes / DecoderCache.bytes(weights.shape(), 1, capacity));
      int slots = (int) Math.min(fitting, Math.min(mostSideBySide(), responses.size()));
      try (ContinuousBatch batch = new ContinuousBatch(weights, slots, capacity, maxRows)) {
        batch.run(new PromptQueue(responses), options, endIds);
        long newTokens = responses.stream().mapToInt(Response::newTokens).sum();
        add(new Counts(batch.calls(), batch.rowCount(), newTokens, System.nanoTime() - start, batch.nativeNanos()));
      }
    }
    return responses.stream().map(Response::result).toList();
  }

  private int mostSideBySide() {
    long weightBytes = decoder.parameters().values().stream().mapToLong(tensor -> tensor.numel() * tensor.element_size()).sum();
    return weightBytes > SMALL_MODEL ? batchSize : Math.min(batchSize, SMALL_MODEL_RESPONSES * Kernels.threads());
  }

  private void check(int[] prompt, int index, int maxNewTokens) {
    Objects.requireNonNull(prompt, () -> "prompts: number " + index);
    if (prompt.length == 0) {
      throw new IllegalArgumentException("prompt " + index + " is empty; it needs at least a begin token");
    }
    for (int id : prompt) {
      if (id < 0 || id >= decoder.config().vocabSize()) {
        throw new IllegalArgumentException("prompt " + index + " holds token id " + id + ", outside the vocabulary of "
            + decoder.config().vocabSize());
      }
    }
    // the last token chosen needs no place
    if ((long) prompt.length + maxNewTokens - 1 > decoder.config().maxPositions()) {
      throw new IllegalArgumentException("prompt " + index + " of " + prompt.length + " tokens and a response of up to " + maxNewTokens
          + " need more than the model's " + decoder.config().maxPositions() + " positions (max_position_embeddings); give a"
          + " shorter prompt or ask for fewer tokens");
    }
  }
}
