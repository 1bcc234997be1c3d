// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.ProgressListener;
import it.unimi.dsi.fastutil.longs.LongSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The prepare stage: search logs in, examples out. All forms take one way: rows are cleaned, dealt by a hash of their
 * user to temporary files, and users come back one at a time in the order of their hash (so the files come out
 * shuffled by user, and a limit takes a random but fixed sample). The result does not depend on the order of the files
 * or of their rows, except that rows of a user with equal times stay in the order of file path and line.
 *
 * <p>{@code eval_files} go the same way in a second pass, all of whose users are held out; before the first one their
 * ids are read. An id that stands in both is one person, who does not train, or two, as {@code eval_ids} says; rows of
 * the two logs are never put together. eval.jsonl holds the held-out users of {@code files} first; with
 * {@code eval_fraction: 0} it holds those of {@code eval_files} only.
 *
 * <p>Reading, unpacking, the temporary files and writing take one thread. Others clean chunks of some hundred thousand
 * bytes ({@link ChunkRows}) and cut users into examples, some hundred thousand bytes at a time ({@link UserBatch}); their results
 * are taken in the order of the log and of the users, so that the number of threads changes nothing.
 *
 * <p>Memory: some 32 MiB of buffers, up to a quarter of the heap for two groups of users, up to an eighth for what the
 * threads work on (more only for a user that alone takes more), and some 20 bytes for each user of {@code eval_files}.
 * The temporary files, below the output folder, take some 55 bytes a row.
 */
public final class Prepare {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final DataConfig config;
  private final Path folder;
  private final int threads;
  private final ProgressListener progress;
  private final PrepareCounts counts;

  private Prepare(DataConfig config, Path folder, int threads, ProgressListener progress) {
    this.config = config;
    this.folder = folder;
    this.threads = threads;
    this.progress = progress;
    this.counts = new PrepareCounts(config);
  }

  /**
   * Reads the logs of {@code config} and writes train.jsonl, valid.jsonl, eval.jsonl and, last, stats.json to
   * {@code outDir}. Each file appears under its name only when it is complete.
   *
   * @param threads threads that clean and cut, beside the one that reads and writes; 0 for one a processor. The result is
   *     the same for any number
   * @param progress hears thousandths of the whole
   * @return what stats.json holds
   * @throws DataException if a file is missing or unreadable, if (nearly) none of its rows is of the form, if no
   *     user is left to train on, or if {@code eval_files} give no example
   * @throws IOException if reading or writing fails
   */
  public static DataStats run(DataConfig config, Path outDir, int threads, ProgressListener progress) throws IOException {
    return new Prepare(config, outDir, threads, progress).run();
  }

  private DataStats run() throws IOException {
    List<Path> files = InputFiles.resolve("data.files", config.files());
    List<Path> evalFiles = config.evalFiles().isEmpty() ? List.of() : InputFiles.resolve("data.eval_files", config.evalFiles());
    refuseSharedFiles(files, evalFiles);
    double eval = bytes(evalFiles);
    double all = Math.max(1, bytes(files) + 2 * eval);
    PreparePass first = new PreparePass(config, counts, false, files, eval / all, 1 - eval / all);
    PreparePass second = new PreparePass(config, counts, true, evalFiles, 1 - eval / all, 1);
    Files.createDirectories(folder);
    Path spill = folder.resolve("prepare.tmp");
    AtomicFiles.delete(spill); // of a run that was killed
    SplitWriter.write(config, folder, counts, out -> {
      LongSet evalIds = second.ids(eval / all, threads, progress);
      first.run(spill, threads, evalIds, out, progress);
      if (!evalFiles.isEmpty()) {
        second.run(spill, threads, evalIds, out, progress);
      }
    });
    DataStats stats = counts.stats();
    String json = JSON.writerWithDefaultPrettyPrinter().writeValueAsString(stats);
    AtomicFiles.write(folder.resolve("stats.json"), json + "\n");
    return stats;
  }

  private static void refuseSharedFiles(List<Path> files, List<Path> heldOut) throws IOException {
    Set<Path> real = new HashSet<>();
    for (Path file : files) {
      real.add(file.toRealPath());
    }
    for (Path file : heldOut) {
      if (real.contains(file.toRealPath())) {
        throw new DataException("data.eval_files: " + file + ": is one of data.files too; its users would be trained on");
      }
    }
  }

  /** Bytes of some files together. */
  static long bytes(List<Path> files) throws IOException {
    long total = 0;
    for (Path file : files) {
      total += Files.size(file);
    }
    return total;
  }
}
