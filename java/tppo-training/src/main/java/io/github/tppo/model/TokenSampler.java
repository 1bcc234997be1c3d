// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

/**
 * Chooses tokens from rows of probabilities. The choice depends on the row, the options and (seed, stream, position) alone. Not
 * thread safe: holds work arrays.
 */
final class TokenSampler {

    private final SamplingOptions options;
    private final int vocabSize;
    private final int[] heap;

    TokenSampler(SamplingOptions options, int vocabSize) {
        this.options = options;
        this.vocabSize = vocabSize;
        this.heap = restricted() ? new int[vocabSize] : new int[0];
    }

    private boolean restricted() {
        return options.temperature() > 0 && ((options.topK() > 0 && options.topK() < vocabSize) || options.topP() < 1);
    }

    /**
     * Chooses a token.
     *
     * @param probabilities many rows, one after another
     * @param row which row
     * @param stream stream of random numbers of this sequence
     * @param position count of its new tokens so far
     */
    int choose(float[] probabilities, int row, long stream, int position) {
        int start = row * vocabSize;
        if (options.temperature() == 0) {
            return argmax(probabilities, start);
        }
        double u = Philox.uniform(options.seed(), stream, position);
        return restricted() ? restrictedChoice(probabilities, start, u) : wholeChoice(probabilities, start, u);
    }

    private int argmax(float[] p, int start) {
        int best = 0;
        for (int id = 1; id < vocabSize; id++) {
            if (p[start + id] > p[start + best]) {
                best = id;
            }
        }
        return best;
    }

    /** Inverse of the distribution function in the order of ids; the total is summed, as float rows do not add up to 1. */
    private int wholeChoice(float[] p, int start, double u) {
        double total = 0;
        for (int id = 0; id < vocabSize; id++) {
            total += p[start + id];
        }
        double target = u * total;
        double sum = 0;
        int last = 0;
        for (int id = 0; id < vocabSize; id++) {
            if (p[start + id] > 0) {
                sum += p[start + id];
                last = id;
                if (sum > target) {
                    return id;
                }
            }
        }
        return last;
    }

    /** The same over the most probable tokens, taken from a heap one by one, so that only as many are sorted as are kept. */
    private int restrictedChoice(float[] p, int start, double u) {
        for (int i = 0; i < vocabSize; i++) {
            heap[i] = i;
        }
        for (int i = vocabSize / 2 - 1; i >= 0; i--) {
            siftDown(p, start, i, vocabSize);
        }
        int limit = options.topK() > 0 ? Math.min(options.topK(), vocabSize) : vocabSize;
        double sum = 0;
        int kept = 0;
        // the best token moves behind the shrinking heap: heap[size..] holds the kept ones, worst first
        for (int size = vocabSize; kept < limit && (kept == 0 || sum < options.topP()); kept++) {
            int best = heap[0];
            heap[0] = heap[--size];
            heap[size] = best;
            siftDown(p, start, 0, size);
            sum += p[start + best];
        }
        double target = u * sum;
        double reached = 0;
        for (int i = 1; i <= kept; i++) {
            int id = heap[vocabSize - i];
            reached += p[start + id];
            if (reached > target) {
                return id;
            }
        }
        return heap[vocabSize - 1];
    }

    private void siftDown(float[] p, int start, int from, int size) {
        int id = heap[from];
        int hole = from;
        for (int child = 2 * hole + 1; child < size; child = 2 * hole + 1) {
            if (child + 1 < size && before(p, start, heap[child + 1], heap[child])) {
                child++;
            }
            if (!before(p, start, heap[child], id)) {
                break;
            }
            heap[hole] = heap[child];
            hole = child;
        }
        heap[hole] = id;
    }

    /** Order of the heap: by probability, then by id, so that ties do not depend on chance. */
    private static boolean before(float[] p, int start, int a, int b) {
        return p[start + a] > p[start + b] || (p[start + a] == p[start + b] && a < b);
    }
}
