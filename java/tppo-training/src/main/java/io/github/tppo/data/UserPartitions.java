// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import io.github.tppo.run.OutputFile;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import it.unimi.dsi.fastutil.longs.Long2IntOpenHashMap;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import it.unimi.dsi.fastutil.longs.LongArrays;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Brings all records of a user together, whatever their order in the log, in bounded memory. Records are dealt by the
 * first byte of their key (the user's hash) to 256 partitions, which go to temporary files once they outgrow a buffer.
 * Then one partition at a time is held in memory and its keys are visited in unsigned order, so users come in the order
 * of their hash. A partition that is still too large is dealt again by the key's next byte.
 *
 * <p>Memory: 16 MiB of buffers a level, and one partition (two while a visitor still uses the one before). Disk: the records once (twice for partitions dealt again).
 */
final class UserPartitions implements Closeable, RecordSink {
  private static final int PARTITIONS = 256;
  private static final int BUFFER = 1 << 16;
  private static final int FIRST_BUFFER = 1 << 10;
  /** Bytes before a record: its key, its stretch as an int, and its length as an int (inverted if it only says that its key exists). */
  static final int HEADER = 16;
  private static final int MAX_LEVEL = 3;

  /** All records of one key. */
  interface Visitor {
    /**
     * Visits a key.
     *
     * @param bytes holds the records
     * @param offsets where each starts, in the order in which they were added; {@link #length} and {@link #stretch} go with it
     * @param overflow records left out because the key has more than the limit
     */
    void visit(byte[] bytes, IntArrayList offsets, long overflow) throws IOException;
  }

  /** Hears which share of the records has been visited. */
  interface Share {
    void at(double share);
  }

  private final Path folder;
  private final int level;
  private final int maxRecordsPerKey;
  private final long maxPartitionBytes;
  private final byte[][] buffers = new byte[PARTITIONS][];
  private final int[] used = new int[PARTITIONS];
  private final long[] spilled = new long[PARTITIONS];

  /**
   * Makes an empty store.
   *
   * @param folder where the temporary files go; made when first needed, removed by {@link #close()}
   * @param maxRecordsPerKey records beyond it are counted and not held, so one busy key cannot fill the memory
   * @param maxPartitionBytes partitions above this are dealt again
   */
  UserPartitions(Path folder, int maxRecordsPerKey, long maxPartitionBytes) {
    this(folder, 0, maxRecordsPerKey, maxPartitionBytes);
  }

  private UserPartitions(Path folder, int level, int maxRecordsPerKey, long maxPartitionBytes) {
    this.folder = folder;
    this.level = level;
    this.maxRecordsPerKey = maxRecordsPerKey;
    this.maxPartitionBytes = maxPartitionBytes;
  }

  /** A partition size that leaves room for its index and its users in this process's heap. */
  static long partitionBytesForHeap() {
    return Math.max(4L << 20, Math.min(256L << 20, Runtime.getRuntime().maxMemory() / 16));
  }

  @Override
  public void add(long key, int stretch, byte[] record, int length) throws IOException {
    put(key, stretch, record, length, length);
  }

  @Override
  public void addPresence(long key, int stretch, byte[] record, int length) throws IOException {
    put(key, stretch, record, length, ~length);
  }

  private void put(long key, int stretch, byte[] record, int length, int tag) throws IOException {
    int p = room(key, HEADER + length);
    ByteBuffer.wrap(buffers[p], used[p], HEADER + length).putLong(key).putInt(stretch).putInt(tag).put(record, 0, length);
    added(p, HEADER + length);
  }

  /** Adds a record that lies in an array behind its header, {@code size} bytes together. */
  void copy(long key, byte[] from, int at, int size) throws IOException {
    int p = room(key, size);
    System.arraycopy(from, at, buffers[p], used[p], size);
    added(p, size);
  }

  private void added(int p, int size) throws IOException {
    used[p] += size;
    if (used[p] > BUFFER) { // one record, which no buffer shall hold
      spill(p);
    }
  }

  /** The partition of a key, whose buffer then has room for so many bytes. */
  private int room(long key, int needed) throws IOException {
    int p = (int) (key >>> (56 - 8 * level)) & 0xff;
    byte[] b = buffers[p];
    if (b == null || b.length - used[p] < needed) {
      makeRoom(p, needed);
    }
    return p;
  }

  private void makeRoom(int p, int needed) throws IOException {
    int total = used[p] + needed;
    if (total <= BUFFER) {
      int size = FIRST_BUFFER;
      while (size < total) {
        size *= 2;
      }
      buffers[p] = buffers[p] == null ? new byte[size] : Arrays.copyOf(buffers[p], size);
    } else {
      spill(p);
      if (buffers[p] == null || buffers[p].length < needed) {
        buffers[p] = new byte[Math.max(BUFFER, needed)];
      }
    }
  }

  private Path file(int p) {
    return folder.resolve(String.format("%d-%02x", level, p));
  }

  private void spill(int p) throws IOException {
    if (used[p] == 0) {
      return;
    }
    Files.createDirectories(folder);
    try (OutputFile out = OutputFile.append(file(p))) {
      out.write(buffers[p], 0, used[p]);
    }
    spilled[p] += used[p];
    used[p] = 0;
    if (buffers[p].length > BUFFER) {
      buffers[p] = null;
    }
  }

  /** Visits every key, in unsigned order; a partition's records are gone after its visit. */
  void forEachKey(Visitor visitor, Share share) throws IOException {
    for (int p = 0; p < PARTITIONS; p++) {
      if (spilled[p] + used[p] > maxPartitionBytes && level < MAX_LEVEL) {
        dealAgain(p, visitor);
      } else if (spilled[p] + used[p] > 0) {
        visit(p, visitor);
      }
      if (spilled[p] > 0) {
        Files.delete(file(p));
      }
      buffers[p] = null;
      used[p] = 0;
      spilled[p] = 0;
      share.at((p + 1.0) / PARTITIONS);
    }
  }

  /** Feeds the records of a partition to a consumer, in the order in which they were added. */
  private void scan(int p, Consumer consumer) throws IOException {
    spill(p);
    buffers[p] = null;
    byte[] record = new byte[1024];
    try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file(p)), BUFFER))) {
      for (long left = spilled[p]; left > 0; ) {
        long key = in.readLong();
        int stretch = in.readInt();
        int tag = in.readInt();
        int length = length(tag);
        record = record.length < length ? new byte[Math.max(length, 2 * record.length)] : record;
        in.readFully(record, 0, length);
        consumer.accept(key, stretch, record, length, tag);
        left -= HEADER + length;
      }
    }
  }

  private interface Consumer {
    void accept(long key, int stretch, byte[] record, int length, int tag) throws IOException;
  }

  /** Length of a record, from the last int of its header. */
  static int length(int tag) {
    return tag < 0 ? ~tag : tag;
  }

  private void dealAgain(int p, Visitor visitor) throws IOException {
    try (UserPartitions finer = new UserPartitions(folder, level + 1, maxRecordsPerKey, maxPartitionBytes)) {
      scan(p, finer::put);
      finer.forEachKey(visitor, s -> { });
    }
  }

  private void visit(int p, Visitor visitor) throws IOException {
    Held held = new Held(maxRecordsPerKey);
    if (spilled[p] + used[p] > maxPartitionBytes) {
      scan(p, held); // one key has (nearly) all of it, and few of its records are held
    } else {
      held.acceptAll(whole(p));
    }
    held.visitAll(visitor);
  }

  /** A partition as it was filled, on disk first. */
  private byte[] whole(int p) throws IOException {
    if (spilled[p] == 0) {
      return Arrays.copyOf(buffers[p], used[p]);
    }
    byte[] all = new byte[(int) (spilled[p] + used[p])];
    try (InputStream in = Files.newInputStream(file(p))) {
      if (in.readNBytes(all, 0, (int) spilled[p]) != spilled[p]) {
        throw new EOFException(file(p) + ": ends early; it is a temporary file that nothing else may change");
      }
    }
    if (used[p] > 0) {
      System.arraycopy(buffers[p], 0, all, (int) spilled[p], used[p]);
    }
    return all;
  }

  /** The records of one partition in one array, each behind its header, with an index by key. */
  private static final class Held implements Consumer {
    private final Long2ObjectOpenHashMap<IntArrayList> index = new Long2ObjectOpenHashMap<>();
    private final Long2IntOpenHashMap overflow = new Long2IntOpenHashMap();
    private final int limit;
    private byte[] bytes = new byte[0];
    private int used;
    private long lastKey;
    private IntArrayList last;

    Held(int limit) {
      this.limit = limit;
    }

    @Override
    public void accept(long key, int stretch, byte[] record, int length, int tag) {
      if (!wanted(key, tag)) {
        return;
      }
      int needed = HEADER + length;
      if (bytes.length - used < needed) {
        bytes = Arrays.copyOf(bytes, (int) Math.min(Integer.MAX_VALUE - 8L, Math.max((long) used + needed, used * 3L / 2)));
      }
      ByteBuffer.wrap(bytes, used, needed).putLong(key).putInt(stretch).putInt(tag).put(record, 0, length);
      used += needed;
      last.add(used - length);
    }

    /** Takes over an array that holds nothing but records. */
    void acceptAll(byte[] records) {
      bytes = records;
      ByteBuffer in = ByteBuffer.wrap(records);
      for (int at = 0; at < records.length; at += HEADER + length(in.getInt(at + 12))) {
        if (wanted(in.getLong(at), in.getInt(at + 12))) {
          last.add(at + HEADER);
        }
      }
    }

    /** Whether the next record, of this key, is held; {@link #last} is then the key's offsets. */
    private boolean wanted(long key, int tag) {
      if (last == null || key != lastKey) { // a user's rows mostly stand together
        lastKey = key;
        last = index.computeIfAbsent(key, k -> new IntArrayList(16));
      }
      if (tag < 0) {
        return last.isEmpty();
      }
      if (last.size() >= limit) {
        overflow.addTo(key, 1);
        return false;
      }
      return true;
    }

    void visitAll(Visitor visitor) throws IOException {
      long[] keys = index.keySet().toLongArray();
      LongArrays.quickSort(keys, Long::compareUnsigned);
      for (long key : keys) {
        visitor.visit(bytes, index.get(key), overflow.get(key));
      }
    }
  }

  /** Removes what is left on disk. */
  @Override
  public void close() throws IOException {
    for (int p = 0; p < PARTITIONS; p++) {
      if (spilled[p] > 0) {
        Files.deleteIfExists(file(p));
      }
    }
    if (level == 0 && Files.isDirectory(folder)) {
      Files.delete(folder);
    }
  }

  /** Stretch of the record at an offset given to a {@link Visitor}. */
  static int stretch(byte[] bytes, int offset) {
    return ByteBuffer.wrap(bytes, offset - 8, 4).getInt();
  }

  /** Length of the record at an offset given to a {@link Visitor}. */
  static int length(byte[] bytes, int offset) {
    return length(ByteBuffer.wrap(bytes, offset - 4, 4).getInt());
  }
}
