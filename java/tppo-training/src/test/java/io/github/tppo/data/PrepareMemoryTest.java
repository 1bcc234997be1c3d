// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.github.tppo.run.ProgressListener;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A log whose rows are larger than the heap, in no order at all, in a process of its own. */
class PrepareMemoryTest {
  private static final int USERS = 10_000;
  private static final int ROWS_PER_USER = 60;
  @TempDir Path folder;

  @Test
  void aLogLargerThanTheHeapStreams() throws Exception {
    Path log = folder.resolve("big.gz");
    write(log);
    Path output = folder.resolve("child.txt");
    String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    Process child = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx48m", "-cp",
        classPath, PrepareMemoryTest.class.getName(), log.toString(), folder.resolve("out").toString())
        .redirectErrorStream(true).redirectOutput(output.toFile()).start();
    assertEquals(0, child.waitFor(), () -> {
      try {
        return Files.readString(output);
      } catch (IOException e) {
        return e.toString();
      }
    });
    assertEquals((long) USERS * ROWS_PER_USER + " rows kept, " + USERS + " examples", Files.readString(output).strip());
    assertFalse(Files.exists(folder.resolve("out/prepare.tmp")));
  }

  /** The rows of a user lie as far apart as they can. */
  private static void write(Path log) throws IOException {
    String filler = "\tsome more words that make the row rather long and the whole log too large for the heap of the child\n";
    try (OutputStream out = new BufferedOutputStream(new GZIPOutputStream(Files.newOutputStream(log), 1 << 16), 1 << 16)) {
      for (int q = 0; q < ROWS_PER_USER; q++) {
        for (int u = 0; u < USERS; u++) {
          out.write(LogFiles.utf8("user-" + u + "\t" + q + "\t" + LogFiles.query(u, q) + filler.replace('\t', ' ')));
        }
      }
    }
  }

  /** The child: prepares args[0] into args[1] and prints two counts. */
  public static void main(String[] args) throws IOException {
    DataConfig config = LogFiles.config(List.of(Path.of(args[0])), "form=delimited", "header=false", "delimiter=tab",
        "columns.user=1", "columns.time=2", "columns.query=3", "time_pattern=epoch_seconds", "max_query_chars=200");
    DataStats stats = Prepare.run(config, Path.of(args[1]), 0, ProgressListener.NONE);
    System.out.println(stats.rowsKept() + " rows kept, " + stats.examples(Split.TRAIN) + " examples");
  }
}
