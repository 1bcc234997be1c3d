// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Users whose records are at hand, to be made into examples away from the thread that reads and writes. */
final class UserBatch {
  /** Heap for a record's strings and objects, as a multiple of the record. */
  private static final int UNPACKED = 6;
  /** A batch is full when making its examples takes so much heap: two batches a thread are then little beside the heap. */
  private static final long FULL = 1 << 20;

  /**
   * A user's examples, ready to be written.
   *
   * @param inEvalFiles whether the id stands in both {@code files}, where it is from, and {@code eval_files}
   * @param lines the examples as JSON, newest cut point first
   */
  record Made(LogForm.UserResult user, Split split, boolean inEvalFiles, List<byte[]> lines) { }

  /** All users of the batch, and what was counted. */
  record Result(List<Made> users, Tally tally) { }

  private record Key(IntArrayList offsets, long overflow) { }

  private final DataConfig config;
  private final byte[] bytes;
  private final long held;
  private final List<Key> keys = new ArrayList<>();
  private long work;

  /**
   * A batch of users whose records lie in one array.
   *
   * @param held heap that the array takes; 0 if a batch before this one answers for it
   */
  UserBatch(DataConfig config, byte[] bytes, long held) {
    this.config = config;
    this.bytes = bytes;
    this.held = held;
  }

  /** Whether the records lie in this array and there is room for another user. */
  boolean takes(byte[] records) {
    return holds(records) && work < FULL;
  }

  /** Whether the records lie in this array. */
  boolean holds(byte[] records) {
    return records == bytes;
  }

  /** Adds what a {@link UserPartitions.Visitor} was given beside the array. */
  void add(IntArrayList offsets, long overflow) {
    keys.add(new Key(offsets, overflow));
    long records = 0;
    for (int i = 0; i < offsets.size(); i++) {
      records += UserPartitions.HEADER + UserPartitions.length(bytes, offsets.getInt(i));
    }
    long n = offsets.size();
    long examples = Math.min(n, config.cutsPerUser());
    long lines = examples * records / n * Math.min(n, (long) config.historyLimit() + config.targets());
    work += UNPACKED * records + lines;
  }

  /** Bytes of heap that the batch and its result take, roughly: records, strings, and lines as if all users trained. */
  long heap() {
    return held + work;
  }

  /** Makes the examples; depends on nothing but the batch and the argument. */
  Result make(Dealer dealer) throws IOException {
    Tally tally = new Tally();
    LogForm form = LogForm.of(config, tally);
    List<Made> users = new ArrayList<>(keys.size());
    for (Key key : keys) {
      for (LogForm.UserResult found : form.finish(bytes, key.offsets, key.overflow, dealer)) {
        LogForm.UserResult user = dealer.settle(found);
        List<byte[]> lines = new ArrayList<>(user.examples().size());
        for (Example e : user.examples()) {
          lines.add(Examples.toBytes(e));
        }
        users.add(new Made(user, dealer.of(found.user()), dealer.inEvalFiles(found.user()), lines));
      }
    }
    return new Result(users, tally);
  }
}
