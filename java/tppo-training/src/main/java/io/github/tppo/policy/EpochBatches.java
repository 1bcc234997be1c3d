// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.run.Check;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.ToIntFunction;

/** The batches of a training run over a fixed set of examples: each a function of the seed and the step alone. Not thread safe. */
public final class EpochBatches<T> {
  /** Batches whose sequences are sorted by length together. */
  private static final int BUCKET_WINDOW = 32;

  private final List<T> data;
  private final int[] lengths;
  private final int batchSize;
  private final long seed;
  private final long batchesPerEpoch;
  private int[][] batches;
  private long batchesOfEpoch = -1;

  /** @param length tokens of an example; those of a batch are about equally long */
  public EpochBatches(List<T> data, ToIntFunction<T> length, int batchSize, long seed) {
    Check.atLeast("batchSize", batchSize, 1);
    Check.require(!data.isEmpty(), "data", "nothing", "at least one example");
    Objects.requireNonNull(length, "length");
    this.data = Check.list("data", data);
    this.lengths = data.stream().mapToInt(length).toArray();
    this.batchSize = batchSize;
    this.seed = seed;
    this.batchesPerEpoch = Permutation.batches(data.size(), batchSize);
  }

  /** Steps in a number of passes over the data, rounded up. */
  public long steps(double epochs) {
    Check.notNegative("epochs", epochs);
    return (long) Math.ceil(epochs * batchesPerEpoch);
  }

  /** The batch of a step, counted from 0. */
  public List<T> of(long step) {
    Check.atLeast("step", step, 0);
    long epoch = step / batchesPerEpoch;
    if (epoch != batchesOfEpoch) {
      batches = Permutation.bucketed(lengths, batchSize, BUCKET_WINDOW, seed, epoch);
      batchesOfEpoch = epoch;
    }
    return Arrays.stream(batches[(int) (step % batchesPerEpoch)]).mapToObj(data::get).toList();
  }
}
