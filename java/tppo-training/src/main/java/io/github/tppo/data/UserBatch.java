// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Users whose records are at hand, to be made into examples away from the thread that reads and writes. */
final class UserBatch {
  /**
   * A user's examples, ready to be written.
   *
   * @param lines the examples as JSON, newest cut point first
   */
  record Made(LogForm.UserResult user, Split split, List<byte[]> lines) { }

  /** All users of the batch, and what was counted. */
  record Result(List<Made> users, Tally tally) { }

  private record Key(byte[] bytes, IntArrayList offsets, long overflow) { }

  private final List<Key> keys = new ArrayList<>();
  private int records;

  /** Adds what a {@link UserPartitions.Visitor} was given. */
  void add(byte[] bytes, IntArrayList offsets, long overflow) {
    keys.add(new Key(bytes, offsets, overflow));
    records += offsets.size();
  }

  int records() {
    return records;
  }

  /** Makes the examples; depends on nothing but the batch and the arguments. */
  Result make(DataConfig config, Split.Dealer dealer) throws IOException {
    Tally tally = new Tally();
    LogForm form = LogForm.of(config, tally);
    List<Made> users = new ArrayList<>(keys.size());
    for (Key key : keys) {
      for (LogForm.UserResult user : form.finish(key.bytes, key.offsets, key.overflow, dealer)) {
        List<byte[]> lines = new ArrayList<>(user.examples().size());
        for (Example e : user.examples()) {
          lines.add(Examples.toBytes(e));
        }
        users.add(new Made(user, dealer.of(user.user()), lines));
      }
    }
    return new Result(users, tally);
  }
}
