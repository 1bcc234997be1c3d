// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import io.github.tppo.run.ProgressListener;
import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import it.unimi.dsi.fastutil.longs.LongSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongConsumer;

/** One pass of the prepare stage: logs that are read together, and their users. */
final class PreparePass {
  /** Share of a pass that reading takes. */
  private static final double READING = 0.8;
  /** Reasons that speak of the query and not of the row: such rows are well formed. */
  private static final Set<String> WELL_FORMED = Set.of(QueryCleaner.EMPTY, QueryCleaner.URL, QueryCleaner.TOO_LONG);

  private final DataConfig config;
  private final PrepareCounts counts;
  private final boolean heldOut;
  private final List<Path> files;
  private final double from;
  private final double to;
  private RecordBatch.End end = RecordBatch.End.NONE;
  private long rowsRead;

  /**
   * A pass.
   *
   * @param heldOut whether the files are {@code eval_files}, whose users are all held out
   * @param from where this pass begins in the progress of the whole, from 0 to 1
   * @param to where it ends
   */
  PreparePass(DataConfig config, PrepareCounts counts, boolean heldOut, List<Path> files, double from, double to) {
    this.config = config;
    this.counts = counts;
    this.heldOut = heldOut;
    this.files = files;
    this.from = from;
    this.to = to;
  }

  /** Hashes of the ids in the logs, in some 20 bytes an id; counts nothing, and its progress goes from 0 to {@code share}. */
  LongSet ids(double share, int threads, ProgressListener progress) throws IOException {
    LongSet ids = new LongOpenHashSet();
    try (OrderedTasks tasks = new OrderedTasks(threads)) {
      double total = Math.max(1, Prepare.bytes(files));
      long before = 0;
      for (Path file : files) {
        long start = before;
        readChunks(file, tasks, part -> part.records.addKeysTo(ids), read -> progress.update(
            Math.round(1000 * share * Math.min(1, (start + read) / total)), 1000, file.getFileName() + ": ids"));
        before += Files.size(file);
      }
    }
    return ids;
  }

  /**
   * Reads the logs and writes the examples of their users.
   *
   * @param spill folder of temporary files
   * @param evalIds hashes of the ids of {@code eval_files}
   */
  void run(Path spill, int threads, LongSet evalIds, SplitWriter out, ProgressListener progress) throws IOException {
    long partition = UserPartitions.partitionBytesForHeap();
    try (UserPartitions store = new UserPartitions(spill, config.maxRowsPerUser(), partition);
        OrderedTasks tasks = new OrderedTasks(threads)) {
      readAll(store, tasks, progress);
      Split needed = heldOut ? Split.EVAL : Split.TRAIN;
      long before = counts.examples(needed);
      makeExamples(store, tasks, new Dealer(config, heldOut, evalIds), out, progress);
      if (rowsRead == 0) {
        throw new DataException(key() + ": no rows in " + files);
      }
      if (counts.examples(needed) == before) {
        throw noExample();
      }
    }
  }

  private void makeExamples(UserPartitions store, OrderedTasks tasks, Dealer dealer, SplitWriter out, ProgressListener progress)
      throws IOException {
    UserBatch[] open = {new UserBatch(config, null, 0)};
    store.forEachKey((bytes, offsets, overflow) -> {
      UserBatch batch = open[0];
      if (!batch.takes(bytes)) {
        hand(batch, tasks, dealer, out);
        open[0] = new UserBatch(config, bytes, batch.holds(bytes) ? 0 : bytes.length);
      }
      open[0].add(offsets, overflow);
    }, share -> progress.update(thousandths(READING + share * (1 - READING)), 1000, "users"));
    hand(open[0], tasks, dealer, out);
    tasks.finish();
  }

  private void hand(UserBatch batch, OrderedTasks tasks, Dealer dealer, SplitWriter out) throws IOException {
    tasks.add(batch.heap(), () -> batch.make(dealer), made -> {
      counts.add(made.tally());
      for (UserBatch.Made user : made.users()) {
        out.user(user);
      }
    });
  }

  private DataException noExample() {
    DataStats stats = counts.stats();
    return new DataException(key() + ": no " + (heldOut ? "held-out" : "training") + " example: of " + stats.users()
        + " users, dropped " + stats.usersDropped() + ", left per split " + stats.usersPerSplit() + "; examples beyond data.max_"
        + (heldOut ? "eval " : "train ") + stats.examplesOverLimit() + "; rows dropped " + stats.rowsDropped()
        + ". A user needs data.targets (" + config.targets() + ") different queries and data.min_history ("
        + config.minHistory() + ") entries before them" + (stats.usersDropped().containsKey(Dealer.IN_EVAL_FILES)
        ? ", and not to be one of data.eval_files (data.eval_ids: same_people)" : ""));
  }

  private String key() {
    return heldOut ? "data.eval_files" : "data.files";
  }

  private long thousandths(double part) {
    return Math.round(1000 * (from + (to - from) * part));
  }

  private void readAll(UserPartitions store, OrderedTasks tasks, ProgressListener progress) throws IOException {
    long total = Prepare.bytes(files);
    long before = 0;
    for (Path file : files) {
      read(file, store, tasks, before, Math.max(1, total), progress);
      before += Files.size(file);
    }
  }

  private void read(Path file, UserPartitions store, OrderedTasks tasks, long before, long total, ProgressListener progress)
      throws IOException {
    FileRows rows = new FileRows();
    String failure = readChunks(file, tasks, part -> {
      end = part.records.moveTo(store, end);
      counts.add(part.tally);
      rows.add(part);
    }, read -> progress.update(thousandths(READING * Math.min(1, (double) (before + read) / total)), 1000,
        file.getFileName() + ": " + rows.read + " rows"));
    if (failure != null) {
      counts.warn(file + ": " + failure + "; the whole lines before that are used, "
          + rows.dropped.getOrDefault("truncated_line", 0L) + " line cut short is dropped");
    }
    check(file, rows.read, rows.dropped, rows.firstLine);
    rowsRead += rows.read;
    counts.file(new DataStats.FileStats(file.toString(), heldOut, Files.size(file), rows.read, rows.dropped, rows.firstLine),
        rows.headers);
  }

  /**
   * Reads a file chunk by chunk.
   *
   * @param bytesRead hears how many bytes of the file have been taken
   * @return null, or why the log ends early
   */
  private String readChunks(Path file, OrderedTasks tasks, OrderedTasks.Taker<ChunkRows> taker, LongConsumer bytesRead)
      throws IOException {
    try (LogChunks chunks = new LogChunks(LogStream.open(file), config.maxLineBytes(), LogChunks.SIZE)) {
      for (LogChunks.Chunk chunk; (chunk = chunks.next()) != null; ) {
        LogChunks.Chunk next = chunk;
        tasks.add(next.heap(), () -> ChunkRows.read(config, file, next), taker);
        bytesRead.accept(chunks.bytesRead());
      }
      tasks.finish();
      return chunks.damage();
    } catch (DataException e) {
      throw e;
    } catch (IOException e) {
      throw new DataException(key() + ": " + file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** The chunks of one file, added up. */
  private static final class FileRows {
    final Map<String, Long> dropped = new TreeMap<>();
    final Map<String, Long> firstLine = new TreeMap<>();
    long read;
    long headers;
    private long lines;

    void add(ChunkRows part) {
      part.dropped.forEach((reason, n) -> dropped.merge(reason, n, Long::sum));
      part.firstLine.forEach((reason, line) -> firstLine.putIfAbsent(reason, lines + line));
      read += part.rows;
      headers += part.headers;
      lines += part.lines;
    }
  }

  /** Refuses a file that is of another form, and warns of one that is partly so. */
  private void check(Path file, long rows, Map<String, Long> dropped, Map<String, Long> firstLine)
      throws DataException {
    long cutShort = dropped.getOrDefault("truncated_line", 0L);
    long real = rows - cutShort - dropped.getOrDefault(ChunkRows.BLANK, 0L);
    long malformed = dropped.entrySet().stream().filter(e -> !WELL_FORMED.contains(e.getKey()))
        .mapToLong(Map.Entry::getValue).sum() - (rows - real);
    if (real == 0) {
      counts.warn(file + ": holds no rows");
      return;
    }
    String reasons = dropped.entrySet().stream()
        .filter(e -> !WELL_FORMED.contains(e.getKey()) && !e.getKey().equals(ChunkRows.BLANK))
        .map(e -> e.getKey() + " " + e.getValue() + ", first in line " + firstLine.get(e.getKey()))
        .reduce((a, b) -> a + "; " + b).orElse("");
    if (malformed == real || (real >= 100 && malformed > 0.95 * real)) {
      throw new DataException(key() + ": " + file + ": " + malformed + " of " + real + " rows are not of the form "
          + formName() + " (" + reasons + "); expected " + LogForm.of(config, new Tally()).describe() + "; check data.form and the file");
    }
    if (malformed > 0.05 * real) {
      counts.warn(file + ": " + malformed + " of " + real + " rows are malformed (" + reasons + ")");
    }
  }

  private String formName() {
    return config.form().name().toLowerCase(Locale.ROOT);
  }
}
