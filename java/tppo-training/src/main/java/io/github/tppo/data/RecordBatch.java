// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import it.unimi.dsi.fastutil.longs.LongSet;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** The records of one chunk of a log, in the form in which {@link UserPartitions} keeps them. */
final class RecordBatch implements RecordSink {
  private ByteBuffer out;
  private int last;

  /** An empty batch with room for {@code bytes} before it must grow. */
  RecordBatch(int bytes) {
    out = ByteBuffer.allocate(bytes);
  }

  @Override
  public void add(long key, int stretch, byte[] record, int length) {
    put(key, stretch, record, length, length);
  }

  @Override
  public void addPresence(long key, int stretch, byte[] record, int length) {
    put(key, stretch, record, length, ~length);
  }

  private void put(long key, int stretch, byte[] record, int length, int tag) {
    int needed = UserPartitions.HEADER + length;
    if (out.remaining() < needed) {
      int at = out.position();
      out = ByteBuffer.wrap(Arrays.copyOf(out.array(), Math.max(at + needed, 2 * out.capacity()))).position(at);
    }
    last = out.position();
    out.putLong(key).putInt(stretch).putInt(tag).put(record, 0, length);
  }

  /** Adds the key of every record. */
  void addKeysTo(LongSet keys) {
    for (int at = 0; at < out.position(); at += UserPartitions.HEADER + UserPartitions.length(out.getInt(at + 12))) {
      keys.add(out.getLong(at));
    }
  }

  /** What ends a batch: the key of its last record and that record's stretch. */
  record End(long key, int stretch) {
    static final End NONE = new End(0, -1);
  }

  /**
   * Hands all records to a store. Stretches are counted on from the batch before, and a user's stretch that the cut
   * between two chunks divided is one again.
   *
   * @param before how the batch before ended
   * @return how this one ends
   */
  End moveTo(UserPartitions store, End before) throws IOException {
    int length = out.position();
    if (length == 0) {
      return before;
    }
    int first = out.getInt(8);
    int shift = before.stretch + (before.stretch >= 0 && out.getLong(0) == before.key ? 0 : 1) - first;
    byte[] bytes = out.array();
    for (int at = 0; at < length; ) {
      out.putInt(at + 8, out.getInt(at + 8) + shift);
      int size = UserPartitions.HEADER + UserPartitions.length(out.getInt(at + 12));
      store.copy(out.getLong(at), bytes, at, size);
      at += size;
    }
    End end = new End(out.getLong(last), out.getInt(last + 8));
    out = null;
    return end;
  }
}
