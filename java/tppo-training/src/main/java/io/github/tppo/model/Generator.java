// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Writes responses with a key/value cache, many at a time. Prompts of like length share a batch, finished sequences leave it, and
 * the output layer runs on the last position only. Batches run side by side on {@link Workers}.
 *
 * <p>Random numbers are Philox(seed, stream id, position), so a response does not depend on the batch it is in or on threads, but for
 * the rounding of the model's sums, which may differ in the last bit between batch shapes.
 *
 * <p>Not thread safe.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class Generator {

    /** Sequences that are generated side by side unless another number is given. */
    public static final int DEFAULT_BATCH = 64;
    /** Share of sequences that must have left before the others are moved together; moving copies the cache. */
    private static final double COMPACT_AT = 0.125;

    private final Decoder decoder;
    private final int eosId;
    private final int padId;
    private final int batchSize;

    /**
     * Makes a generator with batches of {@value #DEFAULT_BATCH}.
     *
     * @param eosId token that ends a response; -1 = none
     * @param padId token that fills up prompts; any valid id
     */
    public Generator(Decoder decoder, int eosId, int padId) {
        this(decoder, eosId, padId, DEFAULT_BATCH);
    }

    /** Makes a generator. */
    public Generator(Decoder decoder, int eosId, int padId, int batchSize) {
        int vocab = decoder.config().vocabSize();
        if (padId < 0 || padId >= vocab) {
            throw new IllegalArgumentException("padId " + padId + " is outside the vocabulary of " + vocab);
        }
        if (batchSize < 1) {
            throw new IllegalArgumentException("batchSize must be at least 1, is " + batchSize);
        }
        this.decoder = decoder;
        this.eosId = eosId;
        this.padId = padId;
        this.batchSize = batchSize;
    }

    /**
     * Generates one response for each prompt.
     *
     * @param prompts token ids, none empty
     * @param streamIds stream of random numbers of each prompt; equal ids give equal choices on equal prompts
     * @return responses in the order of the prompts
     */
    public List<Generated> generate(List<int[]> prompts, long[] streamIds, SamplingOptions options) {
        if (streamIds.length != prompts.size()) {
            throw new IllegalArgumentException(streamIds.length + " stream ids for " + prompts.size() + " prompts");
        }
        for (int i = 0; i < prompts.size(); i++) {
            check(prompts.get(i), i);
        }
        Integer[] order = new Integer[prompts.size()];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, Comparator.comparingInt(i -> prompts.get(i).length));
        Generated[] results = new Generated[prompts.size()];
        List<Runnable> batches = new ArrayList<>();
        for (int from = 0; from < order.length; from += batchSize) {
            List<Sequence> batch = new ArrayList<>();
            for (int k = from; k < Math.min(order.length, from + batchSize); k++) {
                int i = order[k];
                batch.add(new Sequence(i, prompts.get(i), streamIds[i], options.maxNewTokens()));
            }
            batches.add(() -> generateBatch(batch, options, results));
        }
        Workers.run(batches);
        return Arrays.asList(results);
    }

    private void check(int[] prompt, int index) {
        if (prompt.length == 0) {
            throw new IllegalArgumentException("prompt " + index + " is empty; it needs at least a begin token");
        }
        for (int id : prompt) {
            if (id < 0 || id >= decoder.config().vocabSize()) {
                throw new IllegalArgumentException("prompt " + index + " holds token id " + id + ", outside the vocabulary of "
                        + decoder.config().vocabSize());
            }
        }
    }

    /** A response that is being written. */
    private static final class Sequence {
        final int index;
        final int[] prompt;
        final long stream;
        final int[] ids;
        final float[] logprobs;
        int count;
        boolean done;
        boolean ended;

        Sequence(int index, int[] prompt, long stream, int maxNewTokens) {
            this.index = index;
            this.prompt = prompt;
            this.stream = stream;
            this.ids = new int[maxNewTokens];
            this.logprobs = new float[maxNewTokens];
        }

        Generated result() {
            return new Generated(Arrays.copyOf(ids, count), Arrays.copyOf(logprobs, count), ended);
        }
    }

    private void generateBatch(List<Sequence> batch, SamplingOptions options, Generated[] results) {
        int promptLength = batch.stream().mapToInt(s -> s.prompt.length).max().orElseThrow();
        List<Sequence> rows = new ArrayList<>(batch);
        int vocab = decoder.config().vocabSize();
        float[] probabilities = new float[Math.multiplyExact(rows.size(), vocab)];
        TokenSampler sampler = new TokenSampler(options, vocab);
        // the last token chosen needs no slot
        int capacity = promptLength + options.maxNewTokens() - 1;
        try (KvCache cache = new KvCache(decoder.config(), rows.size(), capacity)) {
            try (Scope scope = Scope.noGrad()) {
                readProbabilities(prefill(rows, promptLength, cache), options, probabilities);
            }
            int open = choose(rows, probabilities, sampler);
            while (open > 0) {
                rows = compact(rows, open, cache);
                try (Scope scope = Scope.noGrad()) {
                    readProbabilities(step(rows, cache), options, probabilities);
                }
                open = choose(rows, probabilities, sampler);
            }
        }
        batch.forEach(s -> results[s.index] = s.result());
    }

    private Tensor prefill(List<Sequence> rows, int length, KvCache cache) {
        int[] ids = new int[rows.size() * length];
        int[] mask = new int[ids.length];
        Arrays.fill(ids, padId);
        for (int row = 0; row < rows.size(); row++) {
            int[] prompt = rows.get(row).prompt;
            int end = (row + 1) * length;
            System.arraycopy(prompt, 0, ids, end - prompt.length, prompt.length);
            Arrays.fill(mask, end - prompt.length, end, 1);
        }
        return decoder.prefill(Tensors.ids(ids, rows.size(), length), Tensors.ids(mask, rows.size(), length), cache);
    }

    private Tensor step(List<Sequence> rows, KvCache cache) {
        int[] ids = new int[rows.size()];
        int[] positions = new int[ids.length];
        for (int row = 0; row < ids.length; row++) {
            Sequence s = rows.get(row);
            ids[row] = s.ids[s.count - 1];
            positions[row] = s.prompt.length + s.count - 1;
        }
        return decoder.step(Tensors.ids(ids, ids.length), Tensors.ids(positions, ids.length), cache);
    }

    private void readProbabilities(Tensor hidden, SamplingOptions options, float[] into) {
        Tensor logits = decoder.logits(hidden);
        if (options.temperature() > 0 && options.temperature() != 1) {
            logits.div_(new Scalar(options.temperature()));
        }
        Tensors.read(logits.softmax(-1), into);
    }

    /** Adds a token to each open row; returns how many rows are open then. */
    private int choose(List<Sequence> rows, float[] probabilities, TokenSampler sampler) {
        int vocab = decoder.config().vocabSize();
        int open = 0;
        for (int row = 0; row < rows.size(); row++) {
            Sequence s = rows.get(row);
            if (s.done) {
                continue;
            }
            int id = sampler.choose(probabilities, row, s.stream, s.count);
            float p = probabilities[row * vocab + id];
            if (!(p >= 0)) {
                throw new ArithmeticException("the model gives NaN for prompt " + s.index + " at new token " + s.count
                        + "; its weights are not finite or training has diverged");
            }
            s.ids[s.count] = id;
            s.logprobs[s.count] = (float) Math.log(p);
            s.count++;
            s.ended = id == eosId;
            s.done = s.ended || s.count == s.ids.length;
            open += s.done ? 0 : 1;
        }
        return open;
    }

    private List<Sequence> compact(List<Sequence> rows, int open, KvCache cache) {
        if (rows.size() - open < Math.max(1, COMPACT_AT * rows.size())) {
            return rows;
        }
        int[] kept = new int[open];
        List<Sequence> moved = new ArrayList<>(open);
        for (int row = 0; row < rows.size(); row++) {
            if (!rows.get(row).done) {
                kept[moved.size()] = row;
                moved.add(rows.get(row));
            }
        }
        cache.select(kept);
        return moved;
    }
}
