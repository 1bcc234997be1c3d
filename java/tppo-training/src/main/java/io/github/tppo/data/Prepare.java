// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The prepare stage: search logs in, examples out. All forms take one way: rows are cleaned, dealt by a hash of their
 * user to temporary files, and users come back one at a time in the order of their hash (so the files come out
 * shuffled by user, and a limit takes a random but fixed sample). The result does not depend on the order of the files
 * or of their rows, except that rows of a user with equal times stay in the order of file path and line.
 *
 * <p>Memory: some 32 MiB of buffers, about an eighth of the heap for one group of users, and the largest user allowed.
 * The temporary files, below the output folder, take about 50 bytes a row.
 */
public final class Prepare {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int REPORT_EVERY = 1 << 13;
  /** Share of the progress that reading takes, in thousandths. */
  private static final int READING = 800;
  /** Reasons that speak of the query and not of the row: such rows are well formed. */
  private static final Set<String> WELL_FORMED = Set.of(QueryCleaner.EMPTY, QueryCleaner.URL, QueryCleaner.TOO_LONG);
  private static final String BLANK = "blank_line";

  private final DataConfig config;
  private final Path folder;
  private final ProgressListener progress;
  private final PrepareCounts counts;
  private final LogForm form;

  private Prepare(DataConfig config, Path folder, ProgressListener progress) {
    this.config = config;
    this.folder = folder;
    this.progress = progress;
    this.counts = new PrepareCounts(config);
    this.form = LogForm.of(config, counts);
  }

  /**
   * Reads the logs of {@code config} and writes train.jsonl, valid.jsonl, eval.jsonl and, last, stats.json to
   * {@code outDir}. Each file appears under its name only when it is complete.
   *
   * @param progress hears thousandths of the whole
   * @return what stats.json holds
   * @throws DataException if a file is missing or unreadable, if (nearly) none of its rows is of the form, or if no
   *     user is left to train on
   * @throws IOException if reading or writing fails
   */
  public static DataStats run(DataConfig config, Path outDir, ProgressListener progress) throws IOException {
    return new Prepare(config, outDir, progress).run();
  }

  private DataStats run() throws IOException {
    List<Path> files = InputFiles.resolve(config.files());
    Files.createDirectories(folder);
    Path spill = folder.resolve("prepare.tmp");
    AtomicFiles.delete(spill); // of a run that was killed
    long partition = UserPartitions.partitionBytesForHeap();
    try (UserPartitions store = new UserPartitions(spill, config.maxRowsPerUser(), partition)) {
      readAll(files, store);
      SplitWriter.write(config, folder, counts, out -> {
        store.forEachKey((bytes, offsets, overflow) -> {
          for (LogForm.UserResult user : form.finish(bytes, offsets, overflow, counts)) {
            out.user(user);
          }
        }, share -> progress.update(READING + (long) (share * (1000 - READING)), 1000, "users"));
        check(counts.stats());
      });
    }
    DataStats stats = counts.stats();
    String json = JSON.writerWithDefaultPrettyPrinter().writeValueAsString(stats);
    AtomicFiles.write(folder.resolve("stats.json"), json + "\n");
    return stats;
  }

  private void readAll(List<Path> files, UserPartitions store) throws IOException {
    long total = 0;
    for (Path file : files) {
      total += Files.size(file);
    }
    long before = 0;
    for (Path file : files) {
      read(file, store, before, Math.max(1, total));
      before += Files.size(file);
    }
  }

  private void read(Path file, UserPartitions store, long before, long total) throws IOException {
    Map<String, Long> dropped = new TreeMap<>();
    Map<String, Long> firstLine = new TreeMap<>();
    long rows = 0;
    long headers = 0;
    String failure;
    try (LineReader lines = new LineReader(LogStream.open(file), config.maxLineBytes())) {
      form.start(file);
      for (LineReader.Kind kind; (kind = lines.next()) != LineReader.Kind.END; ) {
        String reason = null;
        if (kind != LineReader.Kind.LINE) {
          reason = kind.reason();
        } else if (form.header(lines.text(), lines.lineNumber())) {
          headers++;
          continue;
        } else {
          reason = lines.text().isBlank() ? BLANK : form.take(lines.text(), store);
        }
        rows++;
        if (reason != null) {
          dropped.merge(reason, 1L, Long::sum);
          firstLine.putIfAbsent(reason, lines.lineNumber());
        }
        if (rows % REPORT_EVERY == 0) {
          long share = Math.min(READING, READING * (before + lines.bytesRead()) / total);
          progress.update(share, 1000, file.getFileName() + ": " + rows + " rows");
        }
      }
      failure = lines.failure();
    } catch (DataException e) {
      throw e;
    } catch (IOException e) {
      throw new DataException("data.files: " + file + ": cannot be read: " + e.getMessage(), e);
    }
    if (failure != null) {
      counts.warn(file + ": " + failure + "; the whole lines before that are used, "
          + dropped.getOrDefault("truncated_line", 0L) + " line cut short is dropped");
    }
    check(file, rows, dropped, firstLine);
    counts.file(new DataStats.FileStats(file.toString(), Files.size(file), rows, dropped, firstLine), headers);
  }

  /** Refuses a file that is of another form, and warns of one that is partly so. */
  private void check(Path file, long rows, Map<String, Long> dropped, Map<String, Long> firstLine)
      throws DataException {
    long cutShort = dropped.getOrDefault("truncated_line", 0L);
    long real = rows - cutShort - dropped.getOrDefault(BLANK, 0L);
    long malformed = dropped.entrySet().stream().filter(e -> !WELL_FORMED.contains(e.getKey()))
        .mapToLong(Map.Entry::getValue).sum() - (rows - real);
    if (real == 0) {
      counts.warn(file + ": holds no rows");
      return;
    }
    String reasons = dropped.entrySet().stream()
        .filter(e -> !WELL_FORMED.contains(e.getKey()) && !e.getKey().equals(BLANK))
        .map(e -> e.getKey() + " " + e.getValue() + ", first in line " + firstLine.get(e.getKey()))
        .reduce((a, b) -> a + "; " + b).orElse("");
    if (malformed == real || (real >= 100 && malformed > 0.95 * real)) {
      throw new DataException("data.files: " + file + ": " + malformed + " of " + real + " rows are not of the form "
          + formName() + " (" + reasons + "); expected " + form.describe() + "; check data.form and the file");
    }
    if (malformed > 0.05 * real) {
      counts.warn(file + ": " + malformed + " of " + real + " rows are malformed (" + reasons + ")");
    }
  }

  private String formName() {
    return config.form().name().toLowerCase(Locale.ROOT);
  }

  private void check(DataStats stats) throws DataException {
    if (stats.rowsRead() == 0) {
      throw new DataException("data.files: no rows in " + config.files());
    }
    if (stats.examples(Split.TRAIN) == 0) {
      throw new DataException("data.files: no training example: of " + stats.users() + " users, dropped "
          + stats.usersDropped() + ", left per split " + stats.usersPerSplit() + "; rows dropped " + stats.rowsDropped()
          + ". A user needs data.targets (" + config.targets() + ") different queries and data.min_history ("
          + config.minHistory() + ") entries before them");
    }
  }
}
