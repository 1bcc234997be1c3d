// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Logs of many chunks, read by any number of threads. */
class PrepareThreadsTest {
  @TempDir Path folder;

  private DataStats same(List<Path> files, String... settings) throws IOException {
    Set<String> results = new HashSet<>();
    DataStats stats = null;
    for (int threads : new int[] {1, 3}) {
      Path out = folder.resolve("out" + threads);
      stats = Prepare.run(LogFiles.config(files, settings), out, threads, ProgressListener.NONE);
      StringBuilder all = new StringBuilder(new ObjectMapper().writeValueAsString(stats));
      for (Split s : Split.values()) {
        all.append(Files.readString(out.resolve(s.fileName()))).append('\f');
      }
      results.add(all.toString());
    }
    assertEquals(1, results.size());
    return stats;
  }

  /** One user fills more than a chunk, others begin in one and end in the next. */
  @Test
  void anAolLogGivesTheSameBits() throws IOException {
    StringBuilder log = new StringBuilder(LogFiles.aolUsers(2000, 12));
    for (int q = 0; q < 9_000; q++) {
      log.append(LogFiles.aol("busy", LogFiles.query(1, q), q));
    }
    log.append("no row\n").append(LogFiles.aol("after", "a query", 3));
    assertTrue(log.length() > 4 * LogChunks.SIZE, log.length() + " bytes");
    Path a = Files.writeString(folder.resolve("a"), log);
    Path b = Files.write(folder.resolve("b.gz"), LogFiles.gzip(LogFiles.utf8(log.toString().replace("\nu", "\nv"))));
    DataStats stats = same(List.of(a, b), "valid_fraction=0.2", "eval_fraction=0.2", "cuts_per_user=5");
    assertEquals(Map.of("user_not_contiguous", 2L, "user_not_in_order_of_time", 1L), stats.usersNoted(),
        "busy and after, who come in both files");
    assertEquals(2 * (24_000 + 9_000 + 2), stats.rowsRead());
    assertEquals(24_000 + 9_000 + 2L, stats.files().get(0).firstLine().get(RowParser.WRONG_COLUMN_COUNT));
    assertEquals(Map.of(), same(List.of(a)).usersNoted(), "a cut between chunks divides no user");
  }

  /** The header, which only the first chunk holds, tells all chunks where the columns are. */
  @Test
  void aHeaderHoldsForAllChunks() throws IOException {
    StringBuilder log = new StringBuilder("words,who,when\n");
    for (int i = 0; i < 30_000; i++) {
      log.append("some query of number ").append(i % 8).append(",u").append(i / 8).append(',').append(i).append('\n');
    }
    assertTrue(log.length() > 3 * LogChunks.SIZE, log.length() + " bytes");
    Path file = Files.writeString(folder.resolve("log.csv"), log);
    DataStats stats = same(List.of(file), "form=delimited", "columns.user=who", "columns.time=when", "columns.query=words",
        "time_pattern=epoch_seconds");
    assertEquals(30_000, stats.rowsKept());
    assertEquals(1, stats.headerLines());
    assertEquals(3750, stats.examples(Split.TRAIN));
  }

  @Test
  void usersOfTheIndustrialFormToo() throws IOException {
    StringBuilder log = new StringBuilder();
    for (int i = 0; i < 4000; i++) {
      log.append("{\"user\":\"u").append(i).append("\",\"history\":{\"search\":[\"a ").append(i).append("\",7,\"b\"],\"click\":[\"")
          .append("some title ".repeat(20)).append("\"]},\"target_queries\":[\"x\",\"y ").append(i).append("\",\"z\"]}\n");
    }
    assertTrue(log.length() > 3 * LogChunks.SIZE, log.length() + " bytes");
    DataStats stats = same(List.of(Files.writeString(folder.resolve("log.jsonl"), log)), "form=industrial");
    assertEquals(Map.of("not_a_string", 4000L, "too_long_entry", 4000L), stats.entriesDropped());
    assertEquals(4000, stats.examples(Split.TRAIN));
  }
}
