// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.run.ProgressListener;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Logs that are larger than the heap, in a process of its own. */
class PrepareMemoryTest {
  private static final List<String> ROWS = List.of("form=delimited", "header=false", "delimiter=tab", "columns.user=1",
      "columns.time=2", "columns.query=3", "time_pattern=epoch_seconds", "max_query_chars=200");
  @TempDir Path folder;

  @Test
  void rowsInNoOrderStream() throws Exception {
    int users = 10_000;
    int rows = 60;
    Path log = folder.resolve("big.gz");
    // The rows of a user lie as far apart as they can.
    String filler = " some more words that make the row rather long and the whole log too large for the heap of the child\n";
    write(log, out -> {
      for (int q = 0; q < rows; q++) {
        for (int u = 0; u < users; u++) {
          out.write(LogFiles.utf8("user-" + u + "\t" + q + "\t" + LogFiles.query(u, q) + filler));
        }
      }
    });
    assertEquals((long) users * rows + " rows kept, " + users + " examples", prepare(48, 0, log, ROWS));
  }

  /** Records of 8 KB each, none beyond a default limit; more threads are asked for than the heap has room for. */
  @Test
  void usersWithLongHistoriesStream() throws Exception {
    int users = 7_000;
    Path log = folder.resolve("big.gz");
    List<String> entries = IntStream.range(0, 20).mapToObj(i -> LogFiles.query(i, i) + " and more words".repeat(6).substring(0, 80)).toList();
    String list = entries.stream().collect(Collectors.joining("\",\"", "[\"", "\"]"));
    String history = "\"search\":" + list + ",\"click\":" + list + ",\"purchase\":" + list + ",\"visit\":" + list;
    write(log, out -> {
      for (int u = 0; u < users; u++) {
        out.write(LogFiles.utf8("{\"user\":" + u + ",\"history\":{" + history + "},\"target_queries\":[\"a\",\"b\",\"c\"]}\n"));
      }
    });
    assertEquals(users + " rows kept, " + users + " examples", prepare(48, 16, log, List.of("form=industrial")));
    assertTrue(Files.size(folder.resolve("out/train.jsonl")) > 48 << 20, "the heap");
  }

  private interface Rows {
    void writeTo(OutputStream out) throws IOException;
  }

  private static void write(Path log, Rows rows) throws IOException {
    try (OutputStream out = new BufferedOutputStream(new GZIPOutputStream(Files.newOutputStream(log), 1 << 16), 1 << 16)) {
      rows.writeTo(out);
    }
  }

  /** What a child with a small heap prints, which ends well and leaves no temporary file. */
  private String prepare(int heapMiB, int threads, Path log, List<String> settings) throws Exception {
    Path output = folder.resolve("child.txt");
    String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-Xmx" + heapMiB + "m", "-cp", classPath, PrepareMemoryTest.class.getName(), log.toString(),
        folder.resolve("out").toString(), Integer.toString(threads)));
    command.addAll(settings);
    Process child = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
    int status = child.waitFor();
    String printed = Files.readString(output).strip();
    assertEquals(0, status, printed);
    assertFalse(Files.exists(folder.resolve("out/prepare.tmp")));
    return printed;
  }

  /** The child: prepares args[0] into args[1] with args[2] threads and further settings, and prints two counts. */
  public static void main(String[] args) throws IOException {
    DataConfig config = LogFiles.config(List.of(Path.of(args[0])), Arrays.copyOfRange(args, 3, args.length));
    DataStats stats = Prepare.run(config, Path.of(args[1]), Integer.parseInt(args[2]), ProgressListener.NONE);
    System.out.println(stats.rowsKept() + " rows kept, " + stats.examples(Split.TRAIN) + " examples");
  }
}
